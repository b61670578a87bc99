"""`control-file`: what is about to be dropped, as a control file (CTL9002A) that an issuer drops beside it."""

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.boundary import REFUSED, UsageError
from pipeline.cli.layout import shown
from pipeline.cli.options import Lang, LangOption, existing, profile_of, warner
from pipeline.terms import LEGACY, POLICIES, Terms

if TYPE_CHECKING:
    from pipeline.model import Verdict

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_EURO = "EUR"
_REFUSED = {
    Lang.FR: "{flow} serait rejeté ({rule}) ; chorus-edi check dit pourquoi",
    Lang.EN: "{flow} would be refused ({rule}); `chorus-edi check` says why",
}


def control_file(
    paths: Annotated[list[Path], typer.Argument(help="fichiers ou dossiers à déposer")],
    out: Annotated[Path | None, typer.Option("--out", help="fichier à écrire ; sans lui, sur la sortie")] = None,
    profile: Annotated[str, typer.Option("--profile", help="legacy-edi ou ctc-b2g")] = LEGACY,
    lang: LangOption = Lang.FR,
) -> None:
    """Fichier de contrôle des flux d'un dépôt : nom, SHA-256, nombre de factures, total par devise."""
    policies = dict.fromkeys(POLICIES[profile_of(profile)], "off")  # to count needs none of the official rules
    terms = Terms(profile=profile, policies=policies)
    written = io.StringIO(newline="")
    table = csv.writer(written, delimiter=";", lineterminator="\r\n")
    total = refused = 0
    for verdict in _judged(existing(paths), terms, lang):
        if not total:
            from pipeline.readers.control_file import COLUMNS

            table.writerow(COLUMNS)
        total += 1
        table.writerows(_rows(verdict))
        if verdict.state == "IN_REJETE":
            refused += 1
            _say_refused(verdict, lang)
    if not total:
        raise UsageError("aucun flux dans ce qui est donné (.xml, .pdf, .tar.gz ou nom de flux)")
    if out is None:
        typer.echo(written.getvalue(), nl=False)
    else:
        from pipeline.returns.spreadsheet import BOM

        out.write_bytes(f"{BOM}{written.getvalue()}".encode())
    if refused:
        raise typer.Exit(REFUSED)


def _judged(paths: Sequence[Path], terms: Terms, lang: Lang) -> "Iterator[Verdict]":
    from datetime import UTC, datetime

    from pipeline.adapters.artefacts import Artefacts, InstalledSchemas
    from pipeline.adapters.rule_engines import RuleEngines
    from pipeline.model import IntakeVerdict
    from pipeline.ports import Tools
    from pipeline.preflight import Preflight, files
    from pipeline.returns.intake_report import as_reported

    artefacts = Artefacts()
    rules = RuleEngines(artefacts, "", warner(lang))
    try:
        preflight = Preflight(Tools(InstalledSchemas(artefacts), rules, terms), datetime.now(UTC))
        for path in files(paths, terms):
            verdict = preflight.judge(path)
            yield as_reported(verdict) if isinstance(verdict, IntakeVerdict) else verdict
    finally:
        rules.close()


def _rows(verdict: "Verdict") -> Iterator[tuple[str, str, int, str, str]]:
    """One row for each currency of a flow, as the night counts: what has no currency is in none, what has no amount
    that sums is counted only."""
    from pipeline.model import signed_millionths
    from pipeline.reconcile import shown_amount
    from pipeline.returns.spreadsheet import cell

    counts: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for invoice in verdict.read.invoices:
        if _CURRENCY.fullmatch(invoice.currency):
            counts[invoice.currency] += 1
            totals[invoice.currency] += signed_millionths(invoice) or 0
    received = verdict.read.received
    for currency in sorted(counts) or [_EURO]:
        total = shown_amount(totals[currency]).replace(".", ",")
        yield cell(received.name), received.sha256, counts[currency], total, currency


def _say_refused(verdict: "Verdict", lang: Lang) -> None:
    rule = next((found.rule for found in verdict.findings if found.refuses), "")
    rule = rule or next((found.rule for one in verdict.invoices for found in one.findings if found.refuses), "")
    print(f"chorus-edi : {shown(_REFUSED[lang].format(flow=verdict.read.received.name, rule=rule))}", file=sys.stderr)
