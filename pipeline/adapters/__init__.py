"""The outside world behind the Protocols of `ports`: the ledger, directories, installed artefacts, the Saxon servers.

Only here are drivers imported; nothing here knows a rule.
"""
