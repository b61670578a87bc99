"""`rules`: one official rule pack alone on documents, for those who debug a rule."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.boundary import UsageError
from pipeline.cli.options import Format, FormatOption, existing


def rules(
    pack: Annotated[str, typer.Argument(help="par exemple en16931-ubl ou facturx-en16931")],
    paths: Annotated[list[Path], typer.Argument(help="documents XML ou PDF Factur-X")],
    engine: Annotated[str, typer.Option("--engine", help="saxon (compiled et both viendront)")] = "saxon",
    format: FormatOption = Format.TEXT,
) -> None:
    """Un seul jeu de règles officielles sur des documents ; le code de sortie ne juge pas."""
    from pipeline.adapters.artefacts import PACKS
    from pipeline.adapters.saxon_pool import SaxonEngine
    from pipeline.terms import Terms
    from pipeline.validators import facturx, xml
    from pipeline.validators.official.rules_command import answer

    if pack not in PACKS:
        raise UsageError(f"{pack} : jeu de règles inconnu ; attendu l'un de {', '.join(PACKS)}")
    if engine != "saxon":
        raise UsageError(f"--engine {engine} : seul saxon est disponible dans cette version")
    terms = Terms()
    with SaxonEngine() as saxon:
        for path in existing(paths):
            if path.is_dir():
                raise UsageError(f"{path} : un dossier ; nommez des documents")
            document = path.read_bytes()
            if document.startswith(b"%PDF"):
                document = facturx.open_container(document, path.name, terms).xml or b""
            parsed = xml.parse(document, path.name, terms)
            if parsed.tree is None:
                raise UsageError(f"{path} : pas un XML lisible ; chorus-edi check {path} dit pourquoi")
            _print(answer(str(path), pack, PACKS[pack].sheet, parsed.text, saxon), format)


def _print(told: dict[str, object], format: Format) -> None:
    if format is Format.JSON:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    found = told["findings"]
    count = len(found) if isinstance(found, list) else 0
    typer.echo(f"{told['file']}  {told['pack']} ({told['engine']}) : {count} constat{'s' if count > 1 else ''}")
    for finding in found if isinstance(found, list) else ():
        typer.echo(f"  {finding['flag'] or '-':8} {finding['rule']}  {finding['location']}")
        typer.echo(f"           {finding['text']}")
