"""What a text usually is by its name and type, how it is moved a little, and the values that engines read apart."""

import re
from random import Random

from bench.oracle.schema import Kind

# Each of these is read in one way by XPath and in another by a careless program.
NASTY = (
    "", " ", "\u00a0", " 3 ", "\t1\n", "+5", ".5", "5.", "1e2", "1E-2", "-0", "-0.00", "00.10", "0.005", "-1.005",
    "2.675", "-2.5", "0.1", "0.30", "1_000", "1,5", "1 000.00", "٣", "１２", "²", "INF", "-INF", "NaN", "true", "false",
    "1", "0", "yes", "TRUE", "True ", "2025-02-29", "2024-02-29", "20250229", "20240229", "2026-13-01", "20261301",
    "2026-1-5", "2026-01-15Z", "2026-01-15+02:00", "20260115", "2026-01-15T00:00:00", "-2026-01-15", "0000-01-01",
    "10000-01-01", "ß", "SS", "é", "e\u0301", "ﬁ", "İ", "a b", "S S", "S\u00a0", " S ", "s", "ae", "A" * 36, "x" * 1001,
    "\U0001f600", "0.000000000000000001", "99999999999999999999.99", "9" * 40, "1" * 19 + ".01",
    "1.123456789012345678901", "[X]", "]]>", "&<\"'", "#380#", "380 ",
    "VAT", "vat", "VA", "FC", "FR", "fr", "EUR", "eur", "0.01", "100.00", "-100.00", "3.141592653589793238462643383279",
)  # fmt: skip
CATEGORIES = ("S", "Z", "E", "AE", "K", "G", "O", "L", "M", "B")
AMOUNTS = ("0.00", "0.00", "0.00", "0.00", "0", "100.00", "20.00", "1", "12.34", "0.01", "119.995")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BASIC = re.compile(r"20[0-9]{6}")
DAYS = ("2026-01-15", "2026-02-28", "2024-02-29", "2025-12-31", "2026-11-20", "2000-01-01", "2100-03-01")


def usual(kind: Kind, random: Random) -> str:
    """A text that the schema takes, and that most rules take: amounts are most often nothing, so that sums agree."""
    name = kind.tag.rpartition("}")[2]
    if kind.listed:
        return random.choice(kind.listed)
    if kind.base == "boolean" or name in {"ChargeIndicator", "Indicator"}:
        return random.choice(("true", "false"))
    if kind.base == "decimal" or kind.base in {"double", "float"}:
        if name.endswith("Quantity"):
            return random.choice(("1", "1", "2.0000", "0"))
        return (
            random.choice(AMOUNTS)
            if not name.endswith(("Percent", "RateNumeric"))
            else random.choice(("0", "20", "5.50"))
        )
    if kind.base == "date":
        return random.choice(DAYS)
    if kind.base == "time":
        return "12:00:00"
    if kind.base == "dateTime":
        return f"{random.choice(DAYS)}T00:00:00"
    if kind.base == "base64Binary":
        return "QQ=="
    if name in {"DateTimeString", "DateString"}:
        return random.choice(DAYS).replace("-", "")
    if name == "CategoryCode":
        return random.choice(CATEGORIES)
    if name in {"CountryID", "IdentificationCode"}:
        return random.choice(("FR", "FR", "DE"))
    if name.endswith("CurrencyCode") or name == "CurrencyCodeType":
        return "EUR"
    if name.endswith("TypeCode"):
        return random.choice(("VAT", "380", "381", "50", "130", "916"))
    if name.endswith("Percent"):
        return random.choice(("0", "20", "0.00"))
    return random.choice(("A1", "1", "2", "FR12345678901", "123456789", "texte"))


def usual_attribute(name: str, listed: tuple[str, ...], random: Random) -> str:
    if listed:
        return random.choice(listed)
    match name:
        case "currencyID":
            return "EUR"
        case "unitCode":
            return "C62"
        case "format":
            return "102"
        case "schemeID":
            return random.choice(("0002", "0009", "VA", "FC", "EM", "0225", "0231", "0088"))
        case "mimeCode":
            return "application/pdf"
        case "filename":
            return "a.pdf"
    return random.choice(("1", "x"))


def moved(text: str, random: Random) -> str:
    """The value a little beside the one given: what a rule that compares it should notice."""
    bare = text.strip()
    if _BASIC.fullmatch(bare):
        return random.choice((*(day.replace("-", "") for day in DAYS), "20250229", "20261301", bare[:6], f"{bare}1200"))
    if _NUMBER.fullmatch(bare):
        longer = f"{bare}1" if "." in bare else f"{bare}.001"
        shifted = _shifted(bare, random), _shifted(bare, random)
        return random.choice((*shifted, longer, f"{bare}0", f"-{bare}", f"+{bare}", f" {bare} ", "0", ""))
    if _ISO.fullmatch(bare):
        return random.choice((*DAYS, "2025-02-29", "2026-13-01", "20260115", f"{bare}Z", bare[:7]))
    other = (
        bare.lower(),
        bare.upper(),
        f" {bare} ",
        f"{bare}x",
        bare[1:],
        f"{bare} {bare}",
        f"{bare}\u00a0",
        f"\n{bare}",
        "",
    )
    return random.choice(other)


def _shifted(number: str, random: Random) -> str:
    from decimal import Decimal

    by = random.choice(("0.01", "-0.01", "1.00", "-1.00", "0.005", "-0.005", "0.02", "1.01", "-1.01", "100", "0.001"))
    return format(Decimal(number) + Decimal(by), "f")
