"""What a run comes to: figures beside what was promised, and checks of what came out against what went in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.figures import Check, Figure
from bench.million import Verified
from bench.soak import memory
from bench.soak.flows import Flow
from bench.soak.memory import CHILD, KINDS, Held, Sample

REPORT_S = 60.0  # within a minute
MEMORY_MB = 512.0
FLAT_MB = 1.0  # a minute: at fifty flows a second 350 bytes of each
KEEPS_UP = 0.97  # of the rate, from where it has settled to the end
SETTLES = 1 / 3  # of a phase
LONG_S = 120.0  # of a shorter phase nobody can tell whether it keeps up, or grows


@dataclass
class Phase:
    """Some flows dropped in some time, and when each was dropped and answered, by the clock."""

    name: str
    flows: Sequence[Flow]
    began: float = 0.0
    over: float = 0.0  # the last of them was dropped
    began_at: float = 0.0  # monotonic, as the memory is sampled
    over_at: float = 0.0
    done_at: float = 0.0  # the last of them was answered, or nobody waits for it any longer
    cpu_s: Mapping[str, float] = field(default_factory=dict)  # by kind, until `done_at`

    @property
    def seconds(self) -> float:
        return self.over_at - self.began_at

    @property
    def is_long(self) -> bool:
        return self.seconds >= LONG_S

    def waits(
        self, dropped: Mapping[str, float], reported: Mapping[str, float], *, heavy: bool = False
    ) -> list[float]:  # fmt: skip
        """Seconds from drop to report, of those that got one."""
        return sorted(
            reported[flow.report] - dropped[flow.report]
            for flow in self.flows
            if flow.is_heavy is heavy and flow.report in reported and flow.report in dropped
        )

    def per_second(self, reported: Mapping[str, float]) -> float:
        """Reports a second, from where the phase has settled to its end."""
        settled = self.began + (self.over - self.began) * SETTLES
        mine = [reported[flow.report] for flow in self.flows if flow.report in reported]
        return sum(settled <= at < self.over for at in mine) / max(self.over - settled, 1e-9)

    def held(self, samples: Sequence[Sample], kind: str) -> Held | None:
        settled = self.began_at + self.seconds * SETTLES
        return memory.held(samples, kind, self.began_at, self.over_at, settled)


def share(ordered: Sequence[float], part: float) -> float:
    """The value below which such a part of them lies (nearest rank); 0 of nothing."""
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0


def waits_figures(title: str, waits: Sequence[float], promise: float | None) -> Iterator[Figure]:
    note = f"{len(waits)} flows"
    yield Figure(f"{title}, p50", [share(waits, 0.5)], "s", note=note)
    yield Figure(f"{title}, p95", [share(waits, 0.95)], "s", promise)
    yield Figure(f"{title}, max", [waits[-1] if waits else 0.0], "s", promise)


def steady_figures(
    phase: Phase, rate: float, dropped: Mapping[str, float], reported: Mapping[str, float]
) -> Iterator[Figure | Check]:  # fmt: skip
    small = phase.waits(dropped, reported)
    yield Figure("dropped", [len(phase.flows) / max(phase.seconds, 1e-9)], "flows/s", note=f"in {phase.seconds:.0f} s")
    answered = phase.per_second(reported)
    if phase.is_long:
        yield Check("answered a second", f"{answered:.1f}", answered >= KEEPS_UP * rate, f">= {KEEPS_UP * rate:.1f}")
    else:
        yield Figure("answered", [answered], "flows/s", note="too short to tell whether it keeps up")
    yield from waits_figures("drop to report", small, REPORT_S)
    heavy = phase.waits(dropped, reported, heavy=True)
    if heavy:
        yield from waits_figures("... of one of just under 8 MB", heavy, REPORT_S)
    yield from cpu_figures(phase, len(small))


def backlog_figures(
    phase: Phase, dropped: Mapping[str, float], reported: Mapping[str, float]
) -> Iterator[Figure | Check]:
    waits = phase.waits(dropped, reported)
    seconds = phase.done_at - phase.began_at
    yield Figure("first drop to last report", [seconds], "s", note=f"{len(waits) / max(seconds, 1e-9):.0f} flows/s")
    yield from waits_figures("drop to report", waits, None)
    yield from cpu_figures(phase, len(waits))


def cpu_figures(phase: Phase, flows: int) -> Iterator[Figure]:
    total = sum(phase.cpu_s.values())
    took = max(phase.done_at - phase.began_at, 1e-9)
    for kind, spent in sorted(phase.cpu_s.items()):
        yield Figure(f"processor time, {kind}", [spent], "s", note=f"{spent * 1000 / max(flows, 1):.2f} ms per flow")
    yield Figure(
        "cores busy with the product", [total / took], "", note=f"{total * 1000 / max(flows, 1):.2f} ms per flow"
    )


def memory_figures(samples: Sequence[Sample], steady: Phase) -> Iterator[Figure]:
    """Growth where it is steady; the most in the whole run."""
    for kind in KINDS:
        everything = [one for one in samples if one.kind == kind]
        if not everything:
            continue
        count = len({one.pid for one in everything})
        yield Figure(f"most memory, {kind}", [max(one.peak_mb for one in everything)], "MB", MEMORY_MB, digits=0,
                     note=f"{count} of them")  # fmt: skip
        found = steady.held(samples, kind)
        if found is not None:
            what = "from one to the next" if kind == CHILD else f"{found.first_mb:.0f} MB, then {found.last_mb:.0f}"
            yield Figure(f"... growth a minute, {kind}", [found.per_minute_mb], "MB",
                         FLAT_MB if steady.is_long else None, note=what)  # fmt: skip
    yield Figure("most memory, all of them together", [memory.together_mb(samples)], "MB", digits=0,
                 note="what they share counted once")  # fmt: skip


def answer_checks(
    flows: Sequence[Flow],
    reported: Mapping[str, float],
    units: int,
    problems: Sequence[str],
    differences: Sequence[str],
) -> Iterator[Check]:
    refused = sum(flow.is_refused for flow in flows)
    yield equal("flows answered, each once", sum(flow.report in reported for flow in flows), len(flows))
    yield equal("invoices in pivots", units, len(flows) - refused)
    yield Check("lost, doubled, torn or astray", "; ".join(problems[:3]) or "none", not problems, "none")
    yield Check("what was fetched, against the outbox", "; ".join(differences[:3]) or "the same", not differences,
                "the same")  # fmt: skip


def differences(fetched: Mapping[tuple[str, str], str], sent: Mapping[tuple[str, str], str]) -> list[str]:
    """(place, name) -> SHA-256 of what partners have, and of what the outbox says was sent to them."""

    def told(what: str, keys: set[tuple[str, str]]) -> list[str]:
        return [f"{what}: {place}/{name}" for place, name in sorted(keys)]

    other = {key for key in fetched.keys() & sent.keys() if fetched[key] != sent[key]}
    return [
        *told("sent and never there", sent.keys() - fetched.keys()),
        *told("there and never sent", fetched.keys() - sent.keys()),
        *told("there with other bytes", other),
    ]


def asked_checks(looks: int, lines: int, gap_s: float, broken: Sequence[str], most_s: float) -> Iterator[Check]:
    yield Check("invariants asked", f"{looks} times, {lines} lines and every file", looks > 0, "every second")
    yield Check("longest time between two looks", f"{gap_s:.1f} s", gap_s <= most_s, f"<= {most_s:g} s")
    yield Check("broken at any of them", "; ".join(broken[:3]) or "none", not broken, "none")


def end_checks(verdict: Verified, said: Sequence[str]) -> Iterator[Check]:
    yield Check("said by the workers", "; ".join(said[:3])[:300] or "nothing", not said, "nothing")
    yield Check("verify", f"{verdict.lines - len(verdict.broken)} of {verdict.lines} hold, in {verdict.seconds:.1f} s",
                not verdict.broken, ", ".join(verdict.broken))  # fmt: skip


def equal(name: str, found: int, expected: int) -> Check:
    return Check(name, str(found), found == expected, str(expected))
