"""Bars in SVG, drawn by hand: no script, no picture, no font from elsewhere. Colours are classes of the page's style.

A label stands above its bar, so that the name of a rule or of a recipient has the whole width; figures stand at the
end. A chart is an image to a screen reader: its `title` says what it shows, and the page has its figures as a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDE, NARROW = 1_090, 520  # of a drawing: as wide as it is shown, so that every chart has letters of one size
_BAR, _LABEL, _GAP = 18, 19, 12
_CHAR = 7.1  # mean width of a character at 13 px
_SMALL_CHAR = 6.4  # at 12 px
_LEAST = 1.5  # what is there is seen, however small beside the others


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a bar: how long, of which class of colour, what it is, and the words in it where they fit."""

    value: int
    colour: str
    name: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its pieces from the left, and the figure at its end. `whole`: what its full width stands
    for; 0: as much as the longest bar of the chart.
    """

    label: str
    parts: tuple[Part, ...]
    figure: str
    whole: int = 0

    @property
    def length(self) -> int:
        return sum(part.value for part in self.parts)


def bars(title: str, drawn: Sequence[Bar], width: int) -> str:
    """The chart, as one `svg` element."""
    height = len(drawn) * (_LABEL + _BAR + _GAP) + 2
    longest = max((bar.length for bar in drawn), default=0) or 1
    rows = "".join(_row(bar, bar.whole or longest, rank, width) for rank, bar in enumerate(drawn))
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" '
        f'preserveAspectRatio="xMinYMin meet">{rows}</svg>'
    )


def legend(parts: Sequence[tuple[str, str]]) -> str:
    """What each colour stands for: (class, name)."""
    items = "".join(f'<li><span class="swatch {colour}"></span>{escape(name)}</li>' for colour, name in parts)
    return f'<ul class="legend">{items}</ul>'


def _row(bar: Bar, whole: int, rank: int, width: int) -> str:
    top = rank * (_LABEL + _BAR + _GAP)
    room = int((width - len(bar.figure) * _CHAR - 16) / _CHAR)
    label = bar.label if len(bar.label) <= room else f"{bar.label[: room - 1].rstrip()}…"
    said = [
        f'<text class="label" x="0" y="{top + 13}">{escape(label)}</text>',
        f'<text class="figure" x="{width}" y="{top + 13}" text-anchor="end">{escape(bar.figure)}</text>',
        f'<rect class="track" x="0" y="{top + _LABEL}" width="{width}" height="{_BAR}" rx="3"/>',
    ]
    at = 0.0
    for part in bar.parts:
        if not part.value:
            continue
        size = max(width * part.value / whole, _LEAST)
        size = min(size, width - at)
        hint = f"{bar.label} : {part.name} {part.shown}".strip()
        said.append(
            f'<rect class="{part.colour}" x="{at:.2f}" y="{top + _LABEL}" width="{size:.2f}" height="{_BAR}" rx="2">'
            f"<title>{escape(hint)}</title></rect>"
        )
        if part.shown and len(part.shown) * _SMALL_CHAR + 12 <= size:
            place = f'x="{at + 7:.2f}" y="{top + _LABEL + 13}"'
            said.append(f'<text class="in {part.colour}-ink" {place}>{escape(part.shown)}</text>')
        at += size
    return "".join(said)
