"""What the work costs, measured on your machine in one run: `python -m bench`, or `make bench`.

Figures for people, no test: absolute times move with the machine, targets stand beside them. The rules of measuring are
those of engineering/performance.md section 9; whatever a run makes lies under `var/bench`.
"""
