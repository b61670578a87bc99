"""The crash campaign: what dies, fails or is cut off at any moment leaves nothing lost, doubled or torn.

Each part breaks copies of a prepared home in its own way, one step after the other, and compares how each ends with
how an untouched one ends. `python -m bench.crash` runs them all, bounded and resumable.
"""
