"""Where the time of the workers goes, by what they wrote into their log."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from bench.figures import Figure

_STEPS = {"wait_s": "wait for the readers", "decide_s": "decide", "commit_s": "store and commit", "send_s": "send"}
TROUBLES = ("wait", "quarantine", "lease_lost", "takeover", "retry", "fault", "quota")


def figures(events: Iterable[str]) -> Sequence[Figure]:
    """Seconds by step, of all workers together, and how often something was not as usual."""
    spent: Counter[str] = Counter()
    count: Counter[str] = Counter()
    flows = 0
    for line in events:
        event = json.loads(line)
        count[event["event"]] += 1
        if event["event"] == "unit":
            flows += event["flows"]
            for field in _STEPS:
                spent[field] += event[field]
        elif event["event"] == "register":
            spent["receive"] += event["seconds"]
    units, lots = count["unit"], count["lot"]
    return [
        Figure("archive and register", [spent["receive"]], "s", note=f"{count['register']} batches"),
        *(
            Figure(words, [spent[field]], "s", note=f"{units} units of {flows} flows")
            for field, words in _STEPS.items()
        ),
        Figure("lots", [float(lots)], "", digits=0),
        *(Figure(f"... {name}", [float(count[name])], "", digits=0) for name in TROUBLES if count[name]),
    ]
