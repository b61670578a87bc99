"""What the two engines say of one document, held against each other."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from bench.oracle.engines import Key, Told


class Kind(StrEnum):
    """How two answers relate. The first three are no differences."""

    SAME = "same"
    BOTH_STOPPED = "both stopped"
    OURS_STOPPED = "compiled stopped, Saxon not"  # Saxon is asked then: slower, never wrong
    SAXON_STOPPED = "Saxon stopped, compiled not"
    HITS = "other hits"
    ORDER = "same hits, another order"
    TEXTS = "same hits, other texts"


@dataclass(frozen=True)
class Compared:
    kind: Kind
    missing: tuple[Key, ...] = ()  # said by Saxon alone, or more often
    extra: tuple[Key, ...] = ()  # said by the compiled engine alone, or more often
    reworded: tuple[str, ...] = ()  # rules whose texts differ

    @property
    def is_difference(self) -> bool:
        return self.kind not in {Kind.SAME, Kind.BOTH_STOPPED, Kind.OURS_STOPPED}

    @property
    def rules(self) -> frozenset[str]:
        """The rules that it is about; none where an engine stopped."""
        return frozenset(key[0] for key in (*self.missing, *self.extra)) | frozenset(self.reworded)

    @property
    def signature(self) -> str:
        """What tells one kind of difference from another."""
        told = sorted({f"-{key[0]}" for key in self.missing} | {f"+{key[0]}" for key in self.extra})
        told += sorted(set(self.reworded))
        return f"{self.kind}: {' '.join(told)}".rstrip(": ")


def compared(ours: Told, saxon: Told, left: Collection[int] = ()) -> Compared:
    """`left`: the ordinals that the compiled engine leaves to Saxon, which it says nothing of."""
    if ours.stopped or saxon.stopped:
        if ours.stopped and saxon.stopped:
            return Compared(Kind.BOTH_STOPPED)
        return Compared(Kind.OURS_STOPPED if ours.stopped else Kind.SAXON_STOPPED)
    kept = (
        [rank for rank, ordinal in enumerate(saxon.ordinals) if ordinal not in left] if left else range(len(saxon.hits))
    )
    theirs, texts = [saxon.hits[rank] for rank in kept], [saxon.texts[rank] for rank in kept]
    if list(ours.hits) == theirs:
        pairs = zip(ours.hits, ours.texts, texts, strict=True)
        reworded = tuple(hit[0] for hit, our, their in pairs if our != their)
        return Compared(Kind.TEXTS, reworded=reworded) if reworded else Compared(Kind.SAME)
    missing, extra = Counter(theirs) - Counter(ours.hits), Counter(ours.hits) - Counter(theirs)
    if missing or extra:
        return Compared(Kind.HITS, tuple(sorted(missing)), tuple(sorted(extra)))
    return Compared(Kind.ORDER)
