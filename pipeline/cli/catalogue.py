"""`explain` and `flows`: what the tables say, without judging anything."""

from typing import Annotated

import typer

from pipeline import codes
from pipeline.cli.boundary import UsageError
from pipeline.cli.layout import columns, json_line, paragraph
from pipeline.cli.options import Format, FormatOption, Lang, LangOption
from pipeline.codes import Code
from pipeline.flows import INTERFACES, Interface

_SEVERITIES_FR = {
    "fatal": "flux irrecevable", "error": "erreur", "warning": "avertissement", "hold": "mise en attente",
    "info": "information", "off": "non appliquée", "-": "non appliquée", "fault": "défaillance de notre côté",
}  # fmt: skip
_TYPES_FR = {
    "E1": "structuré", "E2": "mixte", "E3": "frais de justice", "E4": "structuré, travaux", "E5": "mixte, travaux",
    "action": "actions sur des factures intégrées (CSV, XML)", "control": "fichier de contrôle (CSV)",
}  # fmt: skip


def explain(
    code: Annotated[str, typer.Argument(help="identifiant d'une règle (RTG-021, BR-CO-15) ou code public (IRR_VIDE)")],
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Ce qu'un code veut dire, pourquoi, d'où il vient, comment corriger."""
    wanted = code.upper()
    rows = [codes.ALL[wanted]] if wanted in codes.ALL else [r for r in codes.ALL.values() if r.public_code == wanted]
    if not rows:
        _explain_official(code, format, lang)
        return
    for row in rows:
        if format is Format.JSON:
            typer.echo(json_line(_as_json(row)))
        else:
            typer.echo(_as_text(row, lang))


def _explain_official(code: str, format: Format, lang: Lang) -> None:
    """One official rule that we tell; what its sheet says of it stands in the findings, beside our sentence."""
    from pipeline.codes.official import ALL, key

    wanted = next((rule for rule in ALL if rule.upper() == key(code).upper()), None)
    if wanted is None:
        raise UsageError(f"{code} : code inconnu ; les listes sont dans docs/codes.md et docs/official-rules.md")
    told = ALL[wanted]
    if format is Format.JSON:
        typer.echo(json_line({"rule": wanted, **told._asdict()}))
        return
    french = lang is Lang.FR
    rows = [
        ("Message" if french else "message", told.message_fr if french else told.message_en),
        ("Que faire" if french else "remedy", told.remedy_fr if french else told.remedy_en),
        ("Lieu" if french else "place", told.at),
        ("CII", told.cii),
        ("UBL", told.ubl),
        ("Source", "règle officielle" if french else "official rule"),
    ]
    typer.echo("\n".join((wanted, *(paragraph(label, text) for label, text in rows if text), "")))


def flows(format: FormatOption = Format.TEXT) -> None:
    """Les codes interface, ouverts ou non."""
    rows = sorted(INTERFACES.values(), key=lambda row: row.code)
    if format is Format.JSON:
        for row in rows:
            told = {
                "code": row.code, "type": row.type, "syntax": row.syntax, "open": row.is_open,
                "by_subscription": row.by_subscription,
                "works_only": row.works_only, "twin_of": row.twin, "state": row.state,
            }  # fmt: skip
            typer.echo(json_line(told))
        return
    table = [("code", "type", "syntaxe", "ouvert", "contenu")]
    table += [(row.code, row.type, row.syntax or "-", _is_open_fr(row), _TYPES_FR[row.type]) for row in rows]
    typer.echo(columns(table))


def _is_open_fr(row: Interface) -> str:
    return "oui" if row.is_open else "sur abonnement" if row.by_subscription else "non"


def _as_json(row: Code) -> dict[str, object]:
    return {
        "code": row.id, "stage": row.stage, "severity": {"legacy-edi": row.legacy, "ctc-b2g": row.ctc},
        "outcome": row.outcome, "public_code": row.public_code, "place": row.place, "condition": row.condition,
        "message_fr": row.message_fr, "message_en": row.message_en, "remedy_fr": row.remedy_fr,
        "remedy_en": row.remedy_en, "corresponds_to": row.corresponds_to, "confidence": row.confidence,
        "recyclable": row.recyclable, "policy": row.policy, "since": row.since,
    }  # fmt: skip


def _as_text(row: Code, lang: Lang) -> str:
    french = lang is Lang.FR
    head = [row.id, *([row.public_code] if row.public_code else [])]
    legacy, ctc = (_SEVERITIES_FR[row.legacy], _SEVERITIES_FR[row.ctc]) if french else (row.legacy, row.ctc)
    rows = [
        ("Message" if french else "message", row.message_fr if french else row.message_en),
        ("Que faire" if french else "remedy", row.remedy_fr if french else row.remedy_en),
        ("Gravité" if french else "severity", f"{legacy} (legacy-edi), {ctc} (ctc-b2g)"),
        ("Lieu" if french else "place", row.place),
        ("Règle" if french else "rule", row.condition),
        ("Source" if french else "source", f"{row.corresponds_to} [{row.confidence}]"),
    ]
    return "\n".join((" · ".join(head), *(paragraph(label, text) for label, text in rows), ""))
