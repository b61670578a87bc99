"""What the nightly reconciliation asks of one business day: figures in groups, and what breaks a promise by its name.

Counted by the database. What comes out is a row per group, per flow or per difference, streamed; never one per
invoice. A day is an ISO text, in Paris; `differences` of the day are those of the flows received on it, and of the
invoices that the files received on it have changed.
"""
