"""The nightly reconciliation of a large home: how long it takes, how much memory, and whether it names what is lost."""
