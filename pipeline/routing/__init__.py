"""Who gets an invoice, and does it carry what they ask: recipient, service, commitment, issuer, works, duplicates.

Pure: `route.findings` judges one invoice beside the reference rows that were fetched for it, and opens nothing.
"""
