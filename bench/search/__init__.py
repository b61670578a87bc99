"""Search and export over a ledger of one million invoices, on SQLite and PostgreSQL: `python -m bench.search`.

`ledger.fill(ledger, Plan(invoices=1_000_000, seed=6))` makes such a ledger in some minutes, without one document: for
whoever needs a large ledger and neither store nor drop folders. The same plan gives the same rows on both engines.
"""
