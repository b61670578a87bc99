"""The shell, step by step: receive, judge, commit, deliver, report, and what happens later. `runner` is its door.

Nothing here parses an original, speaks SQL or decides on an invoice: it fetches, calls the core, stores.
"""
