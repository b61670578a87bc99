"""Writes docs/codes.md and docs/official-rules.md from the catalogue: `make docs`. A test fails when one is stale."""

from itertools import groupby
from pathlib import Path

from pipeline import codes
from pipeline.codes import Code, EarnedBy, official
from pipeline.codes.official import Sentence

HEAD = """# The catalogue of rules

Generated from `pipeline/codes/` by `make docs`; do not edit. `chorus-edi explain CODE` prints one row with its remedy.

Severity: as applied in `legacy-edi` / `ctc-b2g`; `-` or `off`: not applied there; `fault`: our side failed.
Earned by: the kind of test that shows that the rule bites.
"""
OFFICIAL_HEAD = """# The official rules that we tell in our own words

Generated from `pipeline/codes/official/` by `make docs`; do not edit. `chorus-edi explain BR-CO-15` prints one row.

A finding of an official pack keeps the official id, and shows the official text after our sentence. Every other
official rule is told by its official text alone. Ids are written with `_` where a sheet writes `/`.
"""
FAMILIES = {
    "FLW": "flow", "ENV": "archive", "FIL": "file of a flow", "IDN": "identification", "XML": "parse and schema",
    "PDF": "Factur-X container", "ATT": "attachments", "OFF": "official packs", "FMT": "particulars of a syntax",
    "GEN": "header", "FRM": "framework", "REF": "references", "CRN": "credit notes", "DAT": "dates", "PAY": "payment",
    "PTY": "parties", "AMT": "amounts", "VAT": "VAT", "LIN": "lines", "RTG": "routing", "CMT": "commitments",
    "WRK": "works", "DUP": "duplicates", "CTC": "reform", "LFC": "after integration",
}  # fmt: skip


def page() -> str:
    """The whole page, ending with the count of rules by what earns them."""
    parts = [HEAD]
    for family, rows in groupby(codes.ALL.values(), key=lambda row: row.family):
        parts.append(f"\n## {family}: {FAMILIES[family]}\n\n")
        parts.append("| id | severity | outcome | public code | message (fr) | message (en) | source | earned by |\n")
        parts.append("|---|---|---|---|---|---|---|---|\n")
        parts += [_line(row) for row in rows]
    parts.append("\n## How many, by what earns them\n\n| earned by | rules |\n|---|---|\n")
    for kind in EarnedBy:
        count = sum(1 for row in codes.ALL.values() if row.earned_by is kind)
        parts.append(f"| {kind} | {count} |\n")
    return "".join(parts)


def _line(row: Code) -> str:
    cells = (
        row.id, f"{row.legacy} / {row.ctc}", row.outcome, row.public_code, row.message_fr, row.message_en,
        f"{row.corresponds_to} [{row.confidence}]", row.earned_by,
    )  # fmt: skip
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"


def official_page() -> str:
    """The official rules by what they are about; rules that share every word share a line."""
    parts = [OFFICIAL_HEAD, f"\n{len(official.ALL)} rules.\n"]
    for heading, table in official.TABLES.items():
        parts.append(f"\n## {heading}\n\n")
        parts.append("| rules | place | message (fr) | remedy (fr) | message (en) | remedy (en) | CII | UBL |\n")
        parts.append("|---|---|---|---|---|---|---|---|\n")
        alike: dict[Sentence, list[str]] = {}
        for rule, sentence in table.items():
            alike.setdefault(sentence, []).append(rule)
        parts += [_official_line(rules, sentence) for sentence, rules in alike.items()]
    return "".join(parts)


def _official_line(rules: list[str], told: Sentence) -> str:
    elements = (f"`{element}`" if element else "" for element in (told.cii, told.ubl))
    cells = (
        ", ".join(rules), told.at, told.message_fr, told.remedy_fr, told.message_en, told.remedy_en, *elements,
    )  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    (Path(__file__).parent / "codes.md").write_text(page(), encoding="utf-8")
    (Path(__file__).parent / "official-rules.md").write_text(official_page(), encoding="utf-8")
