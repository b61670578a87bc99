"""One mutant for each number of a seed: a valid flow, spoiled; the same bytes wherever it is made."""

from dataclasses import dataclass
from random import Random

from bench.fuzz import markup, pdfs, raw, seeds, tars

# family -> how many of a hundred mutants
FAMILIES = {"xml bytes": 22, "xml tokens": 43, "tar headers": 20, "pdf objects": 15}


@dataclass(frozen=True)
class Mutant:
    number: int
    family: str
    name: str  # its flow name
    document: bytes


def make(seed: int, number: int) -> Mutant:
    random = Random(f"{seed}/{number}")
    family = random.choices(list(FAMILIES), list(FAMILIES.values()))[0]
    if family == "tar headers":
        members = random.choice(seeds.archives())
        return Mutant(number, family, members.name, tars.spoiled(members, random))
    if family == "pdf objects":
        given = random.choice(seeds.of_kind(seeds.PDF))
        return Mutant(number, family, given.name, pdfs.spoiled(given.document, random))
    given = random.choice(seeds.of_kind(seeds.XML))
    spoil = raw.spoiled if family == "xml bytes" else markup.spoiled
    return Mutant(number, family, given.name, spoil(given.document, random))
