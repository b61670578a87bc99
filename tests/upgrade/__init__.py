"""Homes as each version of the ledger's tables wrote them: `freeze` makes one, `thaw` puts it back.

`<revision>.json` holds the rows, one a line; `objects.json` the objects of all of them, each once. A version that was
released without its home fails `tests/integration/test_upgrade.py`. A home is made by the code that writes that version,
before the next migration is begun: `PYTHONPATH=tests:tests/integration python -m upgrade.freeze`.
"""
