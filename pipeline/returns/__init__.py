"""What we answer: integration reports, lifecycle returns, pivots, the daily file of rejects, verdicts in JSON.

Bytes are pure functions of what they tell: every time inside comes from the caller, never from a clock.
"""
