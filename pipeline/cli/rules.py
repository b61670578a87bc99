"""`rules`: one official rule pack alone on documents, for those who debug a rule; what of a pack is compiled; and the
building of all packs into the cache.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.boundary import FAULT, REFUSED, UsageError
from pipeline.cli.layout import columns, json_line, paragraph, shown
from pipeline.cli.options import EngineOption, Format, FormatOption, engine_of, existing, warner
from pipeline.plural import counted

if TYPE_CHECKING:
    from pipeline.adapters.rule_engines import RuleEngines
    from pipeline.readers.safe_xml import Parsed

_NO_CODE = 0
_SHOWN = 20  # of what one engine says alone


def rules(
    pack: Annotated[str, typer.Argument(help="par exemple en16931-ubl ou facturx-en16931")] = "",
    paths: Annotated[list[Path] | None, typer.Argument(help="documents XML ou PDF Factur-X")] = None,
    engine: EngineOption = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="ce qui est compilé de ce jeu, et ce qui ne l'est pas")
    ] = False,
    build: Annotated[
        bool, typer.Option("--build", help="compiler les jeux nommés, ou tous, et garder les programmes")
    ] = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Un seul jeu de règles officielles sur des documents ; le code de sortie ne juge pas (both : 1 si différence)."""
    from pipeline.adapters.artefacts import PACKS

    if explain and build:
        raise UsageError("--explain ou --build, pas les deux")
    names = [pack, *map(str, paths or ())] if build or explain else [pack]
    for name in names:
        if name not in PACKS and not (build and names == [""]):
            known = ", ".join(PACKS)
            said = f"{name} : jeu de règles inconnu" if name else "aucun jeu de règles nommé"
            raise UsageError(f"{said} ; attendu l'un de {known}")
    with _engines(engine) as engines:
        if build:
            code = _build(engines, [name for name in names if name] or list(PACKS), format)
        elif explain:
            code = _explain(engines, names, format)
        else:
            code = _run(engines, pack, paths or (), format)
    if code:
        raise typer.Exit(code)


def _engines(engine: str) -> "RuleEngines":
    from pipeline.adapters.artefacts import ACCEPTED_DIGESTS, Artefacts
    from pipeline.adapters.rule_engines import RuleEngines

    accepted = os.environ.get(ACCEPTED_DIGESTS, "").split(",")
    return RuleEngines(Artefacts(accepted=accepted), engine_of(engine), warner())


# --- a pack on documents ----------------------------------------------------------------------------------------------


def _run(engines: "RuleEngines", pack: str, paths: Sequence[Path], format: Format) -> int:
    """Judge document after document; whether two engines differ is all that the exit code tells."""
    from pipeline.adapters.artefacts import PACKS
    from pipeline.adapters.rule_engines import EnginesDiffer
    from pipeline.validators.official import rules_command

    if not paths:
        raise UsageError(f"aucun document ; ou chorus-edi rules {pack} --explain")
    code = _NO_CODE
    for path in existing(paths):
        parsed = _parsed(path)
        try:
            _print(rules_command.answer(str(path), pack, PACKS[pack].sheet, parsed, engines), format)
        except EnginesDiffer as error:
            told = rules_command.difference(str(path), engines.describe(pack), PACKS[pack].sheet, error.differing)
            _print_difference(told, format)
            code = REFUSED
    return code


def _parsed(path: Path) -> "Parsed":
    from pipeline.terms import Terms
    from pipeline.validators import facturx, xml

    if path.is_dir():
        raise UsageError(f"{path} : un dossier ; nommez des documents")
    terms = Terms()
    document = path.read_bytes()
    if document.startswith(b"%PDF"):
        document = facturx.open_container(document, path.name, terms).xml or b""
    parsed = xml.parse(document, path.name, terms)
    if parsed.tree is None:
        raise UsageError(f"{path} : pas un XML lisible ; chorus-edi check {path} dit pourquoi")
    return parsed


def _print(told: dict[str, Any], format: Format) -> None:
    if format is Format.JSON:
        typer.echo(json_line(told))
        return
    found = told["findings"]
    if "stopped" in told:
        typer.echo(f"{shown(told['file'])}  {told['pack']} ({told['engine']}) : une valeur arrête les règles")
        typer.echo(paragraph("", shown(told["stopped"])))
        return
    typer.echo(f"{shown(told['file'])}  {told['pack']} ({told['engine']}) : {counted(len(found), 'constat')}")
    for finding in found:
        typer.echo(f"  {finding['flag'] or '-':8} {finding['rule']}  {shown(finding['location'])}")
        typer.echo(f"           {shown(finding['text'])}")


def _print_difference(told: dict[str, Any], format: Format) -> None:
    if format is Format.JSON:
        typer.echo(json_line(told))
        return
    typer.echo(f"{shown(told['file'])}  {told['pack']} (both) : les deux moteurs ne disent pas la même chose")
    if told["stopped"]:
        typer.echo(f"  une valeur arrête {told['stopped']}, et pas l'autre moteur")
        return
    for engine in ("saxon", "compiled"):
        alone = told[f"only_{engine}"]
        typer.echo(f"  {engine} seul : {counted(len(alone), 'constat')}")
        for hit in alone[:_SHOWN]:
            typer.echo(f"    {hit['flag'] or '-':8} {hit['rule']}  {shown(hit['location'])}")
        if len(alone) > _SHOWN:
            typer.echo(f"    et {counted(len(alone) - _SHOWN, 'autre')} ; --format json les donne")


# --- what is compiled -------------------------------------------------------------------------------------------------


def _explain(engines: "RuleEngines", packs: Sequence[str], format: Format) -> int:
    from pipeline.adapters.artefacts import PACKS
    from pipeline.validators.official.compiled.built import VERSION

    for rank, pack in enumerate(packs):
        ready, ran = engines.ready(pack), engines.describe(pack)
        left = [{"ordinal": one.ordinal, "id": one.id, "pattern": one.mode, "why": one.why} for one in ready.left]
        told = {
            "pack": pack, "engine": ran.engine, "compiler": VERSION,
            "artefact": {"name": Path(PACKS[pack].sheet).name, "version": ran.version, "sha256": ran.sha256},
            "tests": ready.tests, "compiled": ready.tests - len(left), "left": left,
        }  # fmt: skip
        if format is Format.JSON:
            typer.echo(json_line(told))
        else:
            typer.echo(("\n" if rank else "") + _explained(told))
    return _NO_CODE


def _explained(told: dict[str, Any]) -> str:
    artefact = told["artefact"]
    lines = [
        told["pack"],
        paragraph("artefact", f"{artefact['name']}, version {artefact['version'] or 'non dite'}"),
        paragraph("SHA-256", artefact["sha256"]),
        paragraph("moteur", f"{told['engine']} (compilateur {told['compiler']})"),
        paragraph("tests", str(told["tests"])),
        paragraph("compilés", str(told["compiled"])),
        paragraph("à Saxon", str(len(told["left"]))),
    ]
    if told["left"]:
        table = [("rang", "règle", "motif", "pourquoi pas compilée")]
        table += [(str(one["ordinal"]), shown(one["id"]), one["pattern"], shown(one["why"])) for one in told["left"]]
        lines += ["", columns(table, right=frozenset({0}))]
    return "\n".join(lines)


def _build(engines: "RuleEngines", packs: Sequence[str], format: Format) -> int:
    """Load every pack, which builds what is missing; a program that could not be kept is a fault of ours."""
    import time

    table = [("jeu de règles", "tests", "compilés", "à Saxon", "ms", "état", "où")]
    folders = set()
    code = _NO_CODE
    for pack in _with_progress(packs):
        begun = time.perf_counter()
        ready = engines.ready(pack)
        spent_ms = round((time.perf_counter() - begun) * 1000)
        state = "construit" if ready.is_new else "à jour"
        if ready.place:
            folders.add(str(ready.place.parent))
        else:
            code = FAULT
        left = len(ready.left)
        if format is Format.JSON:
            told = {
                "pack": pack, "tests": ready.tests, "compiled": ready.tests - left, "left": left, "ms": spent_ms,
                "is_new": ready.is_new, "file": str(ready.place) if ready.place else "",
            }  # fmt: skip
            typer.echo(json_line(told))
        counts = (str(ready.tests), str(ready.tests - left), str(left), str(spent_ms))
        table.append((pack, *counts, state, "cache" if ready.place else "mémoire"))
    if format is Format.TEXT:
        typer.echo(columns(table, right=frozenset({1, 2, 3, 4})))
        for folder in sorted(folders):
            typer.echo(f"\ncache : {shown(folder)}")
    return code


def _with_progress(packs: Sequence[str]) -> Iterator[str]:
    """A bar on standard error, on a terminal only."""
    if not sys.stderr.isatty():
        yield from packs
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(packs, description="compilation", console=Console(stderr=True), transient=True)
