"""The rule compiler: an installed official stylesheet becomes Python that says the same, at the speed of the parser.

`sheet` reads the stylesheet into patterns, rules and tests; `xpath` reads their expressions; `emit` writes each of them
in Python, `build` all of them as a program; `program` runs it on a document (`nodes`). No rule is written here: what is
compiled is read from the artefact that is installed, and what is not understood is left to Saxon, with its reason.
"""
