"""One mutant for each number of a seed: a valid flow, spoiled; the same bytes wherever it is made."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from bench.fuzz import cells, change_seeds, entries, markup, pdfs, raw, seeds, tars
from bench.fuzz.change_seeds import ChangeSeed
from fixtures.batch import archive
from fixtures.case import PARTNER

Spoil = Callable[[bytes, Random], bytes]
CHANGES_XML, CHANGES_CSV = "changes xml", "changes csv"
# family -> how many of a hundred mutants. Files of changes are two: a parser with a schema reads the one, our reader of
# tables the other, and the table of a campaign tells how much of each gets through.
FAMILIES = {
    "xml bytes": 18, "xml tokens": 37, "tar headers": 17, "pdf objects": 13, CHANGES_XML: 8, CHANGES_CSV: 7,
}  # fmt: skip
_IN_THE_ARCHIVE = 0.65  # of the mutants of an archive of changes: what its action file says, not its headers


@dataclass(frozen=True)
class Mutant:
    number: int
    family: str
    name: str  # its flow name
    document: bytes
    partner: str = PARTNER  # who drops it

    @property
    def is_archive(self) -> bool:
        return self.document.startswith(b"\x1f\x8b")


def make(seed: int, number: int) -> Mutant:
    random = Random(f"{seed}/{number}")
    family = random.choices(list(FAMILIES), list(FAMILIES.values()))[0]
    if family == CHANGES_XML:
        return _changed(number, family, random.choice(change_seeds.in_xml()), _xml, random)
    if family == CHANGES_CSV:
        return _changed(number, family, random.choice(change_seeds.in_csv()), _csv, random)
    if family == "tar headers":
        members = random.choice(seeds.archives())
        return Mutant(number, family, members.name, tars.spoiled(members, random))
    if family == "pdf objects":
        given = random.choice(seeds.of_kind(seeds.PDF))
        return Mutant(number, family, given.name, pdfs.spoiled(given.document, random))
    given = random.choice(seeds.of_kind(seeds.XML))
    spoil = raw.spoiled if family == "xml bytes" else markup.spoiled
    return Mutant(number, family, given.name, spoil(given.document, random))


def _changed(number: int, family: str, given: ChangeSeed, spoil: Spoil, random: Random) -> Mutant:
    """A file of changes spoiled; of an archive its headers, or one of the files that tell the changes."""
    if not given.is_archive:
        document = spoil(given.members[0][1], random)
    elif random.random() > _IN_THE_ARCHIVE:
        document = tars.spoiled(given.archive, random)
    else:
        held = list(given.members)
        rank = given.rank if given.rank >= 0 else random.randrange(len(held))
        held[rank] = held[rank][0], spoil(held[rank][1], random)
        document = archive(iter(held)) if random.random() < 0.9 else gzip.compress(archive(iter(held)), mtime=0)
    return Mutant(number, family, given.name, document, given.partner)


def _xml(document: bytes, random: Random) -> bytes:
    """Most often what it says; else its tokens or its bytes."""
    what = random.random()
    if what < 0.65:
        document = entries.spoiled(document, random)
    if what > 0.5:
        document = (markup.spoiled if what < 0.85 else raw.spoiled)(document, random)
    return document


def _csv(document: bytes, random: Random) -> bytes:
    what = random.random()
    if what < 0.85:
        document = cells.spoiled(document, random)
    if what > 0.75:
        document = raw.spoiled(document, random)
    return document
