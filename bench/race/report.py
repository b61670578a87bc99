"""The race as people read it, a table for each scope; and as a program reads it, one JSON object on one line."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from bench.race.contenders import FLOOR, OURS
from bench.race.growth import Grown
from bench.race.passes import Outcome, Ran, ratio
from pipeline.cli.layout import columns

_HEAD = ("", "ms", "min", "max", "wall ms", "per s", "x ours", "min", "max", "x floor", "hits", "MB")
_DIFFERENCES_SHOWN = 20
# the contenders that a key of the JSON compares ours with
AGAINST = {
    "facturx_full": ("saxonche", "saxonche_tuned", "saxonche_own", "jvm", "jvm_tuned"),
    "en16931_ubl": ("saxonche", "saxonche_own", "jvm"),
}


def tables(outcome: Outcome) -> str:
    """The race, then the contenders of another scope, then those that did not run."""
    equal = [one for one in outcome.ran if one.has_run and (one.contender.is_equal or one.contender.key == FLOOR)]
    others = [one for one in outcome.ran if one.has_run and one not in equal]
    absent = [one for one in outcome.ran if not one.has_run]
    passes = max((len(one.passes) for one in outcome.ran), default=0)
    parts = [
        f"\n{outcome.race.title}\n{outcome.corpus.description()}; {outcome.left_out} that an engine cannot take\n"
        f"{passes} passes, processor ms per document on one core; the same hits from {outcome.compared} contenders: "
        f"{'NO' if outcome.differences else 'yes'}",
        _table(equal, outcome),
    ]
    if others:
        scopes = "; ".join(f"{one.contender.title}: {one.contender.scope}" for one in others)
        parts += [f"\nOf another scope, not to be compared ({scopes})", _table(others, outcome)]
    parts += [f"not run: {one.contender.title}: {one.missing}" for one in absent]
    parts += [f"DIFFERENT: {line}" for line in outcome.differences[:_DIFFERENCES_SHOWN]]
    parts += [
        f"{one.contender.title}: {one.versions}; warmed by {one.warmed_by}" for one in outcome.ran if one.versions
    ]
    return "\n".join(parts)


def growth_table(grown: Sequence[Grown]) -> str:
    sizes = sorted({lines for one in grown for lines in one.best_ms})
    rows = [("", *(f"{lines:,}" for lines in sizes), "10,000 / 1,000")]
    for one in grown:
        cells = (f"{one.best_ms[lines]:.1f}" if lines in one.best_ms else "" for lines in sizes)
        growth = one.growth
        rows.append((f"{one.race.title}: {one.contender.title}", *cells, f"{growth:.1f}" if growth else one.missing))
    right = frozenset(range(1, len(sizes) + 1))
    table = columns(rows, right=right)
    differ = [
        f"DIFFERENT: {one.race.title}, {one.contender.title}: {line}" for one in grown for line in one.differences
    ]
    return "\n".join(
        (f"\nOne invoice of so many lines: processor ms, best of {grown[0].tries if grown else 0}", table, *differ)
    )


def figures(outcomes: Iterable[Outcome], grown: Sequence[Grown]) -> dict[str, Any]:
    """What the last line says. A key whose contender did not run is null, and `missing` says why."""
    told: dict[str, Any] = {}
    missing: dict[str, str] = {}
    versions: dict[str, str] = {}
    for outcome in outcomes:
        key = outcome.race.key
        ours, floor = outcome.of(OURS), outcome.of(FLOOR)
        told |= _spread(f"{key}_ms", ours.cpu_ms() if ours else [])
        told |= _spread(f"{key}_floor_ms", floor.cpu_ms() if floor else [])
        for name in AGAINST[key]:
            told |= _against(f"{key}_vs_{name}", outcome.of(name), ours)
        told |= _against(f"{key}_vs_floor", ours, floor)
        told[f"{key}_documents"] = len(outcome.corpus.documents) - outcome.left_out
        told[f"{key}_left_out"] = outcome.left_out
        told[f"{key}_differences"] = len(outcome.differences)
        for one in outcome.ran:
            if one.missing:
                missing[f"{key}: {one.contender.key}"] = one.missing
            if one.versions:
                versions[one.contender.key] = one.versions
            if one.has_run:
                told[f"{key}_{one.contender.key}_rss_mb"] = round(one.peak_mb)
    for line in grown:
        name = f"{line.race.key}_{line.contender.key}"
        told[f"{name}_ms"] = {str(lines): round(took, 2) for lines, took in line.best_ms.items()}
        told[f"{name}_10000_over_1000"] = None if line.growth is None else round(line.growth, 2)
        if line.missing:
            missing[name] = line.missing
    return told | {"missing": missing, "versions": versions}


def _table(ran: Sequence[Ran], outcome: Outcome) -> str:
    rows = [_HEAD, *(_row(one, outcome.of(OURS), outcome.of(FLOOR)) for one in ran)]
    return columns(rows, right=frozenset(range(1, len(_HEAD))))


def _row(one: Ran, ours: Ran | None, floor: Ran | None) -> tuple[str, ...]:
    took = one.cpu_ms()
    median = statistics.median(took)
    against = ("", "", "")
    if ours is not None and ours is not one and one.contender.is_equal:
        times = ratio(took, ours.cpu_ms())
        against = (f"{times.median:.1f}", f"{times.least:.1f}", f"{times.most:.1f}")
    over = f"{ratio(took, floor.cpu_ms()).median:.1f}" if floor is not None else ""
    return (
        one.contender.title,
        *(f"{value:.3f}" for value in (median, min(took), max(took), statistics.median(one.wall_ms()))),
        f"{1000 / median:,.0f}",
        *against,
        over,
        str(one.hits),
        f"{one.peak_mb:.0f}",
    )


def _spread(key: str, values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return dict.fromkeys((key, f"{key}_min", f"{key}_max"))
    spread = (statistics.median(values), min(values), max(values))
    return dict(zip((key, f"{key}_min", f"{key}_max"), (round(value, 4) for value in spread), strict=True))


def _against(key: str, other: Ran | None, one: Ran | None) -> dict[str, float | None]:
    if other is None or one is None:
        return dict.fromkeys((key, f"{key}_min", f"{key}_max", f"{key}_wall"))
    cpu = ratio(other.cpu_ms(), one.cpu_ms())
    told = (cpu.median, cpu.least, cpu.most, ratio(other.wall_ms(), one.wall_ms()).median)
    names = (key, f"{key}_min", f"{key}_max", f"{key}_wall")
    return dict(zip(names, (round(value, 2) for value in told), strict=True))
