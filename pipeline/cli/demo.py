"""`demo`: a home of its own, a sample directory, flows of every kind dropped, judged, routed, answered."""

import json
import os
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.boundary import REFUSED, UsageError
from pipeline.cli.layout import columns, paragraph
from pipeline.cli.options import Lang
from pipeline.cli.words import ROW_OUTCOMES
from pipeline.plural import counted

if TYPE_CHECKING:
    from pipeline.model import Verdict
    from pipeline.ports import Said
    from pipeline.runner import Home

DEFAULT_HOME = Path("var/demo")
MARK = ".chorus-edi-demo"  # we only ever empty a folder that carries it
OURS = "CPP001"
FINISHED_S = 60  # the files are given an age: nobody is still writing them

# Every open interface code, then what issuers get wrong most: a whole flow, one invoice of several, one file.
FLOWS = (
    "FSO1100A/FSO1100A_XXX999_XXX9991100EN1693100000001",
    "FSO1100A/FSO1100A_XXX999_XXX9991100ARCHIVE00000001",
    "FSO1100A/FSO1100A_XXX999_XXX9991100AVOIR0000000001",
    "FSO1106A/FSO1106A_XXX999_XXX9991106EN1693100000001",
    "FSO1110A/FSO1110A_XXX999_XXX9991110SIMPLE000000001",
    "FSO1113A/FSO1113A_XXX999_XXX9991113PLUSIEURS000001",
    "FSO1116A/FSO1116A_XXX999_XXX9991116SIMPLE000000001",
    "FSO1117A/FSO1117A_XXX999_XXX9991117EN1693100000001",
    "FSO1117A/FSO1117A_XXX999_XXX9991117ARCHIVE00000001",
    "FSO1120A/FSO1120A_XXX999_XXX9991120SIMPLE000000001",
    "FSO1130A/FSO1130A_XXX999_XXX9991130CADREA400000001",
    "FSO1131A/FSO1131A_XXX999_XXX9991131SIMPLE000000001",
    "FSO1137A/FSO1137A_XXX999_XXX9991137SIMPLE000000001",
    "FSO1100A/FSO1100A_XXX999_XXX9991100CYCLE0000000001",
    "refused/dup-002/FSO1100A_XXX999_XXX9991100DUP002000000001",
    "refused/fil-003/FSO1100A_XXX999_XXX9991100FIL003000000001",
    "refused/idn-002/FSO1106A_XXX999_XXX9991106IDN002000000001",
    "refused/xml-010/FSO1100A_XXX999_XXX9991100XML010000000001",
    "refused/rtg-021/FSO1100A_XXX999_XXX9991100RTG021000000001",
    "refused/pdf-003/FSO1117A_XXX999_XXX9991117PDF003000000001",
    "refused/amt-011/FSO1100A_XXX999_XXX9991100AMT011000000001",
)
# What comes after: a recipient answers, then its issuer sends one invoice where it should have gone.
ANSWERS = "FSO1200A/FSO1200A_RCV001_RCV0011200STATUTS00000001"
RECYCLE = "ACT9001A/ACT9001A_XXX999_XXX9999001RECYCLER0000001"
_RECYCLED = "99990101000010/FX CYCLE/1"
ISSUER, RECIPIENT = "XXX999", "RCV001"
_WHEN = b"2026-11-20T12:00:00+01:00"  # in the sample of the answers, which are given now
_STATES = {
    "IN_INTEGRE": ("intégré", "green"),
    "IN_INTEGRE_PARTIEL": ("intégré en partie", "yellow"),
    "IN_REJETE": ("rejeté", "red"),
    "IN_EN_ATTENTE_TRAITEMENT_CPP": ("en attente", "yellow"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table that ends the demo."""

    name: str
    state: str
    integrated: int
    refused: int
    reasons: str


def demo(
    home: Annotated[Path, typer.Option("--home", help="dossier de la démonstration, vidé d'abord")] = DEFAULT_HOME,
) -> None:
    """Des flux de chaque sorte, du dossier de dépôt aux réponses, en une commande."""
    from pipeline import runner
    from pipeline.cli.operate import _progress, print_invariants, say_faults

    samples = sample_folder()
    prepare_folder(home)
    verdicts: list[Verdict] = []
    with prepare(home, samples) as place:
        drop(place, samples, FLOWS)
        typer.echo(f"{len(FLOWS)} flux déposés dans {home / 'drop' / 'XXX999' / 'in'}\n")
        with _progress(quiet=False) as progress:
            done = runner.run(place, on_verdict=lambda told: verdicts.append(told.verdict), on_progress=progress)
        _print_table([_row(verdict) for verdict in sorted(verdicts, key=lambda v: v.read.received.name)])
        _print_answers(home, done.sent)
        faults = [*done.faults, *_lifecycle(place, samples)]
        lines = runner.verify(place)
        again = runner.run(place)
    typer.echo("\nInvariants (chorus-edi verify)")
    print_invariants(lines)
    typer.echo(f"\nUn second run : {'rien à faire' if again.is_idle else 'quelque chose a été refait'}")
    typer.echo(f"\nÀ vous : chorus-edi status '{_RECYCLED}' --home {home}   |   chorus-edi explain RTG-021")
    done.faults[:] = faults
    say_faults(done)
    if not again.is_idle or not all(line.ok for line in lines):
        raise typer.Exit(REFUSED)


def sample_folder() -> Path:
    """The fixtures: inside the wheel, or beside the package in a checkout."""
    spec = find_spec("pipeline")
    if spec is None or not spec.submodule_search_locations:
        raise AssertionError("this module lies in that package")
    package = Path(spec.submodule_search_locations[0])
    for folder in (package / "_data" / "fixtures", package.parent / "fixtures"):
        if (folder / "index.tsv").is_file():
            return folder
    raise UsageError("les exemples ne sont pas installés ; dans un dépôt de sources : make fixtures")


def prepare(home: Path, samples: Path) -> "Home":
    """A new home with the sample directory and partners."""
    from pipeline import runner
    from pipeline.settings import load

    place = runner.open_home(home, load(home, ours=OURS))
    (home / MARK).touch()
    told = runner.import_directory(place, samples / "directory")
    typer.echo(f"Annuaire : {told.imported.structures} structures, {told.imported.services} services")
    for partner in sample_partners(samples):
        runner.add_partner(place, partner)
    import_sample_names(place, samples)
    return place


def import_sample_names(place: "Home", samples: Path) -> None:
    """What the issuers that have names of their own call their recipients."""
    from pipeline.running.mapping import import_mapping

    for code, partner in place.partners().items():
        if partner.maps_recipients:
            import_mapping(place, code, samples / "mapping.csv")


def sample_partners(samples: Path) -> "Iterator[Any]":
    """The sheets of `partners.json`."""
    from pipeline.cli.reference import _receives, _right
    from pipeline.runner import Partner

    for sheet in json.loads((samples / "partners.json").read_text(encoding="utf-8")):
        yield Partner(
            code=sheet["code"],
            name=sheet["name"],
            flows=tuple(sheet.get("flows", ())),
            rights=tuple(_right(text) for text in sheet.get("may_file", ())),
            receives=tuple(_receives(text) for text in sheet.get("receives", ())),
            policies=sheet.get("policies", {}),
            maps_recipients=sheet.get("map_recipients", False),
        )


def drop(place: "Home", samples: Path, flows: tuple[str, ...], partner: str = ISSUER) -> None:
    """Drop sample files as a partner does: under another name, then renamed. An answer of a recipient is given now."""
    folder = place.root(place.settings.roots.drop) / partner / "in"
    for path in flows:
        source = samples / path
        partial = folder / f".{source.name}.part"
        if path == ANSWERS:
            now = place.clock.now().isoformat(timespec="seconds").encode()
            partial.write_bytes(source.read_bytes().replace(_WHEN, now))
        else:
            shutil.copyfile(source, partial)
        finished = place.clock.now().timestamp() - FINISHED_S
        os.utime(partial, (finished, finished))
        partial.rename(folder / source.name)


def _lifecycle(place: "Home", samples: Path) -> "list[Said]":
    """After integration: the recipient answers, the issuer recycles one invoice, and hears of every change."""
    from pipeline import runner

    faults = []
    typer.echo("\nAprès l'intégration")
    for path, partner, what in ((ANSWERS, RECIPIENT, "répond"), (RECYCLE, ISSUER, "recycle")):
        before = _returns(place)
        drop(place, samples, (path,), partner)
        done = runner.run(place)
        faults += done.faults
        rows = ", ".join(counted(count, ROW_OUTCOMES[Lang.FR][name]) for name, count in sorted(done.changes.items()))
        typer.echo(paragraph(partner, f"{what} : {Path(path).name} ({rows or 'rien'})"))
        for new in sorted(_returns(place) - before):
            _print_return(new)
    return faults


def _returns(place: "Home") -> set[Path]:
    """The lifecycle returns in the folder of the issuer."""
    folder = place.root(place.settings.roots.drop) / ISSUER / "out"
    return {p for p in folder.iterdir() if p.name.startswith("FEN1201A")}


def _print_return(path: Path) -> None:
    """A lifecycle return, entry by entry, as its issuer reads it."""
    from pipeline import lifecycle
    from pipeline.returns import told

    found = told.lifecycle_return(path.read_bytes())
    table = [("facture", "statut", "commentaire")]
    table += [(one.number, lifecycle.shown(one.status), one.comment) for one in (found.entries if found else ())]
    typer.echo(paragraph("Annoncé", str(path), indent=2))
    typer.echo(textwrap.indent(columns(table), "  "))


def prepare_folder(home: Path) -> None:
    """Remove the demo that was there before; any other folder that holds something is left alone."""
    if home.exists():
        if any(home.iterdir()) and not (home / MARK).is_file():
            raise UsageError(f"{home} n'est pas une démonstration et n'est pas vide ; choisissez --home AUTRE")
        shutil.rmtree(home)


def _row(verdict: "Verdict") -> Row:
    from pipeline.model import InvoiceOutcome

    refusing = [f.rule for f in verdict.findings if f.refuses]
    refusing += [f.rule for invoice in verdict.invoices for f in invoice.findings if f.refuses]
    reasons = list(dict.fromkeys(refusing))
    shown = ", ".join(reasons[:2]) + (f" +{len(reasons) - 2}" if len(reasons) > 2 else "")
    return Row(
        verdict.read.received.name,
        verdict.state,
        verdict.count(InvoiceOutcome.INTEGRATED),
        verdict.count(InvoiceOutcome.REFUSED),
        shown,
    )


def _print_table(rows: list[Row]) -> None:
    table = [("flux", "état", "int.", "ref.", "motifs")]
    table += [(r.name, _STATES[r.state][0], str(r.integrated), str(r.refused), r.reasons) for r in rows]
    head, rule, *lines = columns(table, right=frozenset({2, 3})).split("\n")
    typer.echo(head + "\n" + rule)
    for row, line in zip(rows, lines, strict=True):
        typer.echo(typer.style(line, fg=_STATES[row.state][1]))


def _print_answers(home: Path, sent: "dict[str, int]") -> None:
    typer.echo("")
    reports = home / "drop" / "XXX999" / "out"
    typer.echo(
        paragraph(
            "Réponses",
            f"{reports} : {_count(reports, 'CSO')} comptes rendus, {_count(reports, 'FEN1201A')} flux de cycle de vie",
            indent=0,
        )
    )
    for receiver in sorted(p.name for p in (home / "recipients").iterdir()):
        pivots = home / "recipients" / receiver / "out"
        typer.echo(paragraph("Livrées", f"{pivots} : {_count(pivots, 'FEN0036A')} fichiers pivot", indent=0))


def _count(folder: Path, prefix: str) -> int:
    return sum(1 for p in folder.iterdir() if p.name.startswith(prefix)) if folder.is_dir() else 0
