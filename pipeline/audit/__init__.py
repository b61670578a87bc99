"""The audit chain of a partner: what its rows cover, in which bytes, and what no longer holds.

Whatever changes what was received, decided or said appends one row: the digest of the records that it covers, and a
hash over the row and the hash of the row before. The head of a chain stands in the object that each commit unit leaves
in the store, and once a day in one of its own: whoever rewrites a ledger, chain included, is found out by what he
cannot rewrite. Pure: `form` has the bytes, `examine` walks the chains, `explain` says what changed, `anchors` compares
with the store, `export` writes and reads a part of a chain.
"""
