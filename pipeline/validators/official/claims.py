"""What a document claims by its specification identifier (BT-24), and which pack that puts it under.

Rows are read from the top: exact values first, then chains of EN 16931, then nothing, then anything else. A row without
a pack in the syntax of the document does not count: in UBL the EXTENDED value of Factur-X is an unknown extension.
"""

from dataclasses import dataclass

from pipeline.model import Kind, Level

_CORE = "urn:cen.eu:en16931:2017"


@dataclass(frozen=True, slots=True)
class Claim:
    """What BT-24 says, read for one syntax."""

    name: str
    level: Level
    xmp_level: str  # what fx:ConformanceLevel says then ("A or B" where two are right); empty: not compared
    profile_schema: str  # name of the XSD of the profile, empty where it has none of its own
    pack: str  # empty: no official rules
    severity: str  # "policy", or "warning" where the policy may only loosen it; empty without a pack
    is_listed: bool  # the sheet's own list of guidelines holds the value, so that its assert on BT-24 means something
    is_known: bool = True
    is_empty: bool = False

    @property
    def xmp_levels(self) -> tuple[str, ...]:
        """The values of fx:ConformanceLevel that agree with this claim; none: not compared."""
        return tuple(self.xmp_level.split(" or ")) if self.xmp_level else ()


@dataclass(frozen=True, slots=True)
class Row:
    """One value of BT-24, or one kind of chain; the columns of the table of guidelines."""

    match: str  # exact, chain, empty, other
    value: str
    claim: str
    level: Level
    xmp_level: str
    profile_schema: str
    pack_cii: str
    pack_ubl: str
    severity: str
    is_listed: bool = True


def _exact(value: str, level: Level, profile: str, pack_ubl: str = "", *, is_listed: bool = True) -> Row:
    name = f"Factur-X {level}" if profile != "en16931" else "EN 16931"
    pack = f"facturx-{profile}"
    return Row("exact", value, name, level, level.value, pack, pack, pack_ubl, "policy", is_listed)


_BASIC = "#compliant#urn:factur-x.eu:1p0:basic", "#compliant#urn:zugferd.de:2p0:basic"
# Factur-X 1.0 of December 2017, accepted by the platform since 2019: the installed rules do not list it any more
_BASIC_OF_2017 = ":compliant:urn:factur-x.eu:1p0:basic", ":compliant:factur-x.eu:1p0:basic"
_EXTENDED = "#conformant#urn:factur-x.eu:1p0:extended", "#conformant#urn:zugferd.de:2p0:extended"
_EXTENDED_CTC_FR = f"{_CORE}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr"
_CHAIN_PACKS = "facturx-en16931", "en16931-ubl"

ROWS = (
    _exact("urn:factur-x.eu:1p0:minimum", Level.MINIMUM, "minimum"),
    _exact("urn:zugferd.de:2p0:minimum", Level.MINIMUM, "minimum"),
    _exact("urn:factur-x.eu:1p0:basicwl", Level.BASICWL, "basicwl"),
    _exact("urn:zugferd.de:2p0:basicwl", Level.BASICWL, "basicwl"),
    *(_exact(_CORE + tail, Level.BASIC, "basic", "en16931-ubl") for tail in _BASIC),
    *(_exact(_CORE + tail, Level.BASIC, "basic", is_listed=False) for tail in _BASIC_OF_2017),
    _exact(_CORE, Level.EN16931, "en16931", "en16931-ubl"),
    *(_exact(_CORE + tail, Level.EXTENDED, "extended") for tail in _EXTENDED),
    # no profile XSD and no XMP level of its own is published
    Row(
        "exact", _EXTENDED_CTC_FR, "EXTENDED-CTC-FR", Level.EXTENDED, "EXTENDED", "",
        "extended-ctc-fr-cii", "extended-ctc-fr-ubl", "policy",
    ),
    Row(
        "chain", f"{_CORE}#compliant#X", "a restriction (CIUS) of EN 16931", Level.EN16931, "EN 16931 or XRECHNUNG", "",
        *_CHAIN_PACKS, "policy", is_listed=False,
    ),
    Row(
        "chain", f"{_CORE}#conformant#X", "an extension of EN 16931 that this table does not know", Level.NONE, "", "",
        *_CHAIN_PACKS, "warning", is_listed=False,
    ),
    Row("empty", "", "nothing claimed", Level.NONE, "", "", "", "", ""),
    Row("other", "", "unknown", Level.NONE, "", "", "", "", ""),
)  # fmt: skip


def claim(guideline: str | None, kind: Kind) -> Claim:
    """Say what a document claims; the value is compared as it stands, blanks around it aside."""
    value = (guideline or "").strip()
    row = next(row for row in ROWS if _matches(row, value) and (_pack(row, kind) or row.match in {"empty", "other"}))
    return Claim(
        row.claim,
        row.level,
        row.xmp_level,
        row.profile_schema,
        _pack(row, kind),
        row.severity,
        row.is_listed,
        is_known=row.match != "other",
        is_empty=row.match == "empty",
    )


def _pack(row: Row, kind: Kind) -> str:
    if kind is Kind.UBL:
        return row.pack_ubl
    return row.pack_cii if kind in {Kind.CII, Kind.FACTURX} else ""


def _matches(row: Row, value: str) -> bool:
    match row.match:
        case "exact":
            return value == row.value
        case "chain":
            return _chain(value) == row.value.split("#")[1]
        case "empty":
            return not value
        case _:
            return True


def _chain(value: str) -> str:
    """The relation of a chain to EN 16931: one `conformant` segment anywhere makes it an extension; empty: no chain.

    >>> _chain("urn:cen.eu:en16931:2017#compliant#urn:a#conformant#urn:b")
    'conformant'
    """
    core, *rest = value.split("#")
    relations, names = rest[::2], rest[1::2]
    if core != _CORE or not rest or len(relations) != len(names) or not all(names):
        return ""
    if not set(relations) <= {"compliant", "conformant"}:
        return ""
    return "conformant" if "conformant" in relations else "compliant"
