"""The fuzz campaign: mutants of valid flows through the product, every accepted one checked again by others.

`seeds` and `change_seeds` are the flows that mutants are made of; `raw`, `markup`, `tars` and `pdfs` spoil bytes,
tokens, headers and objects, `cells` and `entries` what the rows of a file of changes say (`plausible`: by what);
`mutants` puts them together, the same mutant for the same number and seed. `product` is our side: it judges a mutant
as `check` does, `intake` a file of changes as the runner, over the invoices of `stands`. `again` reads an accepted
document with other means: libxml2 with the schema untouched, expat and Decimal for the amounts, tarfile and pypdf for
the containers; `official` asks Saxon, in lots. `changes_again` and `tables_again` read a file of changes, `rows_again`
judges each row that would be in force. `worker` does
this in a process of its own and tells by `batch`; `campaign` starts workers, notices those that hang or die; `state` is
what is done.
"""
