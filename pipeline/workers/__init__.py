"""The processes we start, as `python -m` modules: the reader of documents and the Saxon server.

They talk over their standard input and output, hold no state that a restart would miss, and end when their parent does.
"""
