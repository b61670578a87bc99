"""Is the document right? One module per subject; each gives findings and raises only a `Fault`, never for bad input.

`document` is the way of one file of a flow through them all.
"""
