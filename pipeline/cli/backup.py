"""`backup` and `restore`: a copy of a home that can be trusted, and a home made from it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.boundary import REFUSED, UsageError
from pipeline.cli.layout import json_line, paragraph, shown
from pipeline.cli.operate import _progress, print_invariants
from pipeline.cli.options import Format, FormatOption, HomeOption, Lang, LangOption, home_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.running.backup import Backup
    from pipeline.running.recover import Named
    from pipeline.running.restore import Restored

MOST = 20  # of each kind that is named in text; JSON has them all
_WORDS = {
    Lang.FR: {
        "backup": "Sauvegarde", "manifest": "SHA-256", "ledger": "Registre", "reference": "Référentiels",
        "store": "Magasin", "left": "Non copiés", "missing": "Introuvables", "damaged": "Endommagés",
        "home": "Dossier", "again": "Réinscrits", "apart": "Mis à part", "named": "À regarder", "doubt": "En doute",
        "more": "et {} autres (--format json les dit tous)", "other": "À noter",
    },
    Lang.EN: {
        "backup": "Backup", "manifest": "SHA-256", "ledger": "Ledger", "reference": "Reference data",
        "store": "Store", "left": "Left out", "missing": "Missing", "damaged": "Damaged", "home": "Home",
        "again": "Written again", "apart": "Set apart", "named": "To look at", "doubt": "In doubt",
        "more": "and {} more (--format json tells them all)", "other": "Note",
    },
}  # fmt: skip


def backup(
    target: Annotated[Path, typer.Argument(help="dossier des sauvegardes, sur un autre disque ; chacune y a le sien")],
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Copier le registre, les réglages et le magasin sans rien arrêter ; code 1 si un objet manque au magasin."""
    from pipeline.running import backup as running

    with _progress(quiet=format is Format.JSON, what="objets copiés") as progress:
        done = running.backup(home_of(home), target, on_progress=lambda looked, copied: progress(copied, looked))
    if format is Format.JSON:
        typer.echo(json_line(_told(done)))
    else:
        _print_backup(done, lang)
    if not done.is_whole:
        raise typer.Exit(REFUSED)


def restore(
    source: Annotated[
        Path | None, typer.Argument(help="une sauvegarde ; sans elle, regarder à nouveau un dossier restauré")
    ] = None,
    home: HomeOption = None,
    old_home: Annotated[
        Path | None, typer.Option("--old-home", help="ce qui reste du dossier perdu : ses objets, ses envois")
    ] = None,
    by_hand: Annotated[
        bool,
        typer.Option("--by-hand", help="sans SOURCE : le registre vient d'une copie plus ancienne, remise à la main"),
    ] = False,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Refaire un dossier de travail d'une sauvegarde, et réinscrire ce que le magasin sait de plus que le registre.

    Rien n'est envoyé. Code 1 si quelque chose est à regarder.
    """
    from pipeline.running import restore as running

    if by_hand and source is not None:
        raise UsageError("--by-hand se donne sans SOURCE, qui dirait elle-même d'où vient le registre")
    for folder in (source, old_home):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"{folder} : dossier introuvable")
    with _progress(quiet=format is Format.JSON, what="flux réinscrits") as progress:
        done = running.restore(source, home_of(home), old_home=old_home, by_hand=by_hand, on_progress=progress)
    if format is Format.JSON:
        typer.echo(json_line(_told_restored(done)))
    else:
        _print_restored(done, lang)
        print_invariants(done.lines, format, lang)
    if not done.is_clear:
        raise typer.Exit(REFUSED)


def _print_backup(done: "Backup", lang: Lang) -> None:
    words, ledger = _WORDS[lang], done.ledger
    count = sum(ledger.rows.values())
    told_ledger = {
        Lang.FR: f"{ledger.engine}, version {ledger.revision} des tables, {count} lignes",
        Lang.EN: f"{ledger.engine}, version {ledger.revision} of the tables, {count} rows",
    }
    rows = [
        ("backup", str(done.folder)),
        ("manifest", done.sha256),
        ("ledger", told_ledger[lang]),
        ("reference", ", ".join(one.name for one in ledger.snapshots)),
    ]
    if done.store is None:
        kept = {Lang.FR: "gardé par le bucket, pas copié", Lang.EN: "kept by the bucket, not copied"}
        rows.append(("store", kept[lang]))
    else:
        store = done.store
        told = {
            Lang.FR: f"{store.objects} objets, {store.bytes} octets, dont {store.copied} objets copiés cette fois",
            Lang.EN: f"{store.objects} objects, {store.bytes} bytes, {store.copied} objects copied this time",
        }
        rows.append(("store", told[lang]))
    for label, text in rows:
        if text:
            typer.echo(paragraph(words[label], shown(text), indent=0))
    _print_each("left", [(one.name, one.keep.in_words(lang.value)) for one in done.left_out], lang)
    if done.store is not None:
        _print_each("missing", [(name, "") for name in done.store.missing], lang)
        _print_each("damaged", [(name, "") for name in done.store.altered], lang)


def _print_restored(done: "Restored", lang: Lang) -> None:
    words, found = _WORDS[lang], done.recovered
    typer.echo(paragraph(words["home"], shown(str(done.home)), indent=0))
    counts = {
        Lang.FR: f"{len(found.proved)} flux prouvés, {len(found.as_told)} comme ils furent répondus, "
        f"{len(found.judged)} à juger alors, {len(found.decided)} décidés depuis, {len(found.told)} annonces",
        Lang.EN: f"{len(found.proved)} flows proved, {len(found.as_told)} as they were told, "
        f"{len(found.judged)} due then, {len(found.decided)} decided since, {len(found.told)} lifecycle returns",
    }
    typer.echo(paragraph(words["again"], counts[lang], indent=0))
    _print_each("missing", [(name, "") for name in done.missing], lang)
    _print_each("damaged", [(name, "") for name in done.damaged], lang)
    _print_each("apart", _named(found.apart, lang), lang)
    _print_each("named", _named(found.named, lang), lang)
    _print_each("doubt", [(f"{place}/out", str(count)) for place, count in sorted(found.in_doubt.items())], lang)
    if done.other_ledger:
        told = {
            Lang.FR: "settings.toml nomme un autre registre que celui qui vient d'être restauré ; l'y corriger",
            Lang.EN: "settings.toml names another ledger than the one that was restored; correct it there",
        }
        typer.echo(paragraph(words["other"], told[lang], indent=0))


def _print_each(label: str, several: "Sequence[tuple[str, str]]", lang: Lang) -> None:
    words = _WORDS[lang]
    for rank, (name, said) in enumerate(several[:MOST]):
        text = shown(f"{name} : {said}" if said else name)
        typer.echo(paragraph(words[label] if rank == 0 else "", text, indent=0))
    if len(several) > MOST:
        typer.echo(paragraph("", words["more"].format(len(several) - MOST), indent=0))


def _named(several: "Sequence[Named]", lang: Lang) -> list[tuple[str, str]]:
    return [(one.name, one.said.in_words(lang.value)) for one in several]


def _told(done: "Backup") -> dict[str, Any]:
    return {
        "folder": str(done.folder), "manifest_sha256": done.sha256, "engine": done.ledger.engine,
        "revision": done.ledger.revision, "rows": dict(done.ledger.rows),
        "store": asdict(done.store) if done.store is not None else None,
        "left_out": [{"name": one.name, "fr": one.keep.fr, "en": one.keep.en} for one in done.left_out],
    }  # fmt: skip


def _told_restored(done: "Restored") -> dict[str, Any]:
    found = done.recovered

    def told(several: "Sequence[Named]") -> list[dict[str, str]]:
        return [{"name": one.name, "fr": one.said.fr, "en": one.said.en} for one in several]

    return {
        "home": str(done.home), "made_at": done.made_at, "revision": done.revision, "objects_copied": done.copied,
        "damaged": list(done.damaged), "missing": list(done.missing), "proved": found.proved,
        "as_told": told(found.as_told), "judged": found.judged, "decided": found.decided, "told": found.told,
        "apart": told(found.apart),
        "named": told(found.named), "in_doubt": dict(sorted(found.in_doubt.items())),
        "acknowledged": found.acknowledged, "lines": [asdict(line) for line in done.lines],
    }  # fmt: skip
