"""`check`: the checks of the platform, before the drop, on your own machine."""

import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.boundary import REFUSED, UsageError
from pipeline.cli.layout import json_line, paragraph
from pipeline.cli.options import (
    EngineOption,
    Format,
    FormatOption,
    Lang,
    LangOption,
    engine_of,
    existing,
    interface_of,
    policies_of,
    profile_of,
    scanner_of,
    warner,
)
from pipeline.terms import LEGACY, Terms

if TYPE_CHECKING:
    from pipeline.model import IntakeVerdict, Verdict
    from pipeline.preflight import Preflight

SHOWABLE_PACKS = ("br-fr",)
HEAD_BYTES = 16 * 1024  # of the first file: enough to see what it claims


def check(
    paths: Annotated[list[Path], typer.Argument(help="fichiers ou dossiers (.xml, .pdf, .tar.gz, noms de flux)")],
    profile: Annotated[str, typer.Option("--profile", help="legacy-edi ou ctc-b2g")] = LEGACY,
    interface: Annotated[str, typer.Option("--interface", help="code interface des fichiers sans nom de flux")] = "",
    directory: Annotated[
        Path | None, typer.Option("--directory", help="annuaire : dossier, XLSX ou XML ; sans lui, pas de routage")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="correspondances de l'émetteur, CSV ; avec --directory")
    ] = None,
    with_: Annotated[list[str] | None, typer.Option("--with", help="règles montrées en plus, pour information")] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", help="NOM=NIVEAU : facturx, pdfa, en16931, br-fr = error, warning, off"),
    ] = None,
    engine: EngineOption = "",
    antivirus: Annotated[
        str,
        typer.Option(
            "--antivirus",
            envvar="CHORUS_EDI_ANTIVIRUS__ADDRESS",
            help="clamd, unix:/CHEMIN ou 127.0.0.1:PORT ; sans lui, rien n'est analysé",
        ),
    ] = "",
    infos: Annotated[bool, typer.Option("--infos", help="montrer aussi les informations")] = False,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Contrôle des flux ou des factures avant le dépôt ; rien n'est écrit."""
    for pack in with_ or ():
        if pack not in SHOWABLE_PACKS:
            raise UsageError(f"--with {pack} : attendu {' ou '.join(SHOWABLE_PACKS)}")
    terms = Terms(
        profile=profile_of(profile),
        policies=policies_of(policy or (), profile),
        shown_packs=tuple(with_ or ()),
        is_scanned=bool(antivirus),
        maps_recipients=mapping is not None,
    )
    if mapping is not None and directory is None:
        raise UsageError("--mapping : sans annuaire rien n'est routé ; ajouter --directory CHEMIN")
    refused = total = 0
    not_judged: tuple[str, ...] = ()
    opened = _preflight(
        existing(paths), terms, interface_of(interface), directory, mapping, engine_of(engine), lang, antivirus
    )
    with opened as (preflight, files):
        for path in _with_progress(files):
            verdict = preflight.judge(path)
            total += 1
            refused += verdict.state != "IN_INTEGRE"
            not_judged = verdict.not_judged
            _print(verdict, path, terms.profile, format, lang, infos=infos)
    if infos and format is Format.TEXT and total:
        _print_left(not_judged, lang)
    if not total:
        raise UsageError("aucun fichier à contrôler dans ce qui est donné (.xml, .pdf, .tar.gz ou nom de flux)")
    if format is Format.TEXT and total > 1:
        good = total - refused
        typer.echo(
            f"\n{total} fichiers : {good} {'bons' if good > 1 else 'bon'}, {refused} avec un refus"
            if lang is Lang.FR
            else f"\n{total} files: {good} good, {refused} with a refusal"
        )
    if refused:
        raise typer.Exit(REFUSED)


class _preflight:
    """Opens what `check` needs; where Saxon is to run, it gets ready for the first file while the rest is loaded."""

    def __init__(
        self,
        paths: Iterable[Path],
        terms: Terms,
        interface: str,
        directory: Path | None,
        mapping: Path | None,
        engine: str,
        lang: Lang,
        antivirus: str,
    ) -> None:
        self.paths, self.terms, self.interface, self.directory = list(paths), terms, interface, directory
        self.mapping, self.engine, self.lang, self.scanner = mapping, engine, lang, scanner_of(antivirus)

    def __enter__(self) -> "tuple[Preflight, list[Path]]":
        from pipeline.adapters.artefacts import ACCEPTED_DIGESTS, Artefacts, InstalledSchemas
        from pipeline.adapters.dependencies import READING, require
        from pipeline.adapters.rule_engines import RuleEngines
        from pipeline.ports import Tools
        from pipeline.preflight import Preflight, files
        from pipeline.validators.official import packs

        require(*READING)
        chosen = list(files(self.paths, self.terms))
        artefacts = Artefacts(accepted=os.environ.get(ACCEPTED_DIGESTS, "").split(","))
        self.rules = RuleEngines(artefacts, self.engine, warner(self.lang))
        if chosen and chosen[0].is_file():
            with chosen[0].open("rb") as first:
                wanted = packs.expected(first.read(HEAD_BYTES), self.terms)
            self.rules.warm(wanted)
        tools = Tools(InstalledSchemas(artefacts), self.rules, self.terms)
        preflight = Preflight(tools, datetime.now(UTC), self.interface, scanner=self.scanner)
        if self.directory is not None:
            self._load_directory(preflight, self.directory)
        if self.mapping is not None:
            self._load_mapping(preflight, self.mapping)
        return preflight, chosen

    def _load_directory(self, preflight: "Preflight", directory: Path) -> None:
        from pipeline.adapters.directory_files import DirectoryError, as_known, read_directory
        from pipeline.model import Snapshot

        existing([directory])
        try:
            day = read_directory(directory).day or preflight.now.date()
            preflight.structures = as_known(directory)
        except DirectoryError as error:
            raise UsageError(str(error)) from error
        preflight.snapshot = Snapshot(directory.name, day)

    def _load_mapping(self, preflight: "Preflight", mapping: Path) -> None:
        from pipeline.adapters.mapping_files import ALIAS, LABEL, MappingErrors, read_mapping
        from pipeline.routing.mapping import table

        existing([mapping])
        try:
            rows = read_mapping(mapping)
        except MappingErrors as errors:
            raise UsageError(errors.in_words(self.lang.value)) from errors
        labels = (row.label for row in rows if row.kind == LABEL)
        preflight.mapping = table(labels, (row.alias for row in rows if row.kind == ALIAS))

    def __exit__(self, *_: object) -> None:
        self.rules.close()


def _print(
    verdict: "Verdict | IntakeVerdict", path: Path, profile: str, format: Format, lang: Lang, *, infos: bool
) -> None:
    if format is Format.JSON:
        from pipeline.returns.verdict import as_json

        typer.echo(json_line(as_json(verdict, str(path), lang.value, profile=profile)))
        return
    from pipeline.cli.verdicts import lines

    for line in lines(verdict, str(path), lang, with_infos=infos):
        typer.echo(line)


def _print_left(not_judged: tuple[str, ...], lang: Lang) -> None:
    """What only the platform can tell, and whether an antivirus looked at the files."""
    label = "Non contrôlé" if lang is Lang.FR else "Not checked"
    unscanned = "sans antivirus" if lang is Lang.FR else "no antivirus"
    typer.echo(
        paragraph(
            label, ", ".join(f"{rule} ({unscanned})" if rule == "FLW-011" else rule for rule in not_judged), indent=0
        )
    )


def _with_progress(files: list[Path]) -> Iterator[Path]:
    """A bar on standard error, on a terminal only, when there is something to wait for."""
    if len(files) < 20 or not sys.stderr.isatty():
        yield from files
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(files, description="contrôle", console=Console(stderr=True), transient=True)
