"""How a process that reads documents collects garbage: seldom.

Nothing of a document points in a circle, so that what the collector looks through is never garbage; by default it looks
after each 700 new objects, which an invoice makes several times over.
"""

import gc

_NEW_OBJECTS = 50_000  # some 10 MB at most of what a bug of ours might leave in circles


def collect_seldom() -> None:
    """Of what is loaded by now nothing is looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)
