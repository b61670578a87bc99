"""Many small flows a second for minutes, then a backlog, on workers side by side: `python -m bench.soak`.

`flows`: what is dropped; `partners`: who drops and who fetches; `asking`: the invariants, asked every second; `memory`:
what every process holds; `reckoning`: what all that comes to.
"""
