"""The oracle: the compiled engine against Saxon, on every document at hand and on mutants made to meet every test.

`schema` and `values` know what a document of a syntax may hold; `reader`, `builder`, `comparisons` and `solver` make
an expression of the rules hold in it or fail; `changes` spoil it without an aim; `mutants` puts them together.
`saxon_side` is Saxon in a process that knows nothing of our code; `campaign` compares, counts what fired, and keeps
what differs.
"""
