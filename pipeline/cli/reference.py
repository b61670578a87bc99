"""`directory`, `commitments` and `partners`: what judging needs to know besides the documents."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.boundary import REFUSED, UsageError
from pipeline.cli.homes import existing_home, opened
from pipeline.cli.layout import columns, json_line, paragraph, shown
from pipeline.cli.options import Format, FormatOption, HomeOption, existing, policies_of, profile_of
from pipeline.terms import LEGACY
from pipeline.values import parse_iso_day

if TYPE_CHECKING:
    from pipeline.adapters.directory_files import Remark
    from pipeline.model import Structure
    from pipeline.runner import Home, Partner
    from pipeline.running.refresh import DirectoryChange, Refreshed

directory = typer.Typer(help="L'annuaire : structures et services.", no_args_is_help=True, rich_markup_mode=None)
commitments = typer.Typer(help="Les engagements de l'État.", no_args_is_help=True, rich_markup_mode=None)
partners = typer.Typer(help="Les partenaires et leurs droits de dépôt.", no_args_is_help=True, rich_markup_mode=None)
MOST_REMARKS = 20
_ASKS = {
    "none": "ni service ni engagement",
    "service": "un service exécutant",
    "commitment": "un numéro d'engagement",
    "service_or_commitment": "un service exécutant ou un numéro d'engagement",
    "service_and_commitment": "un service exécutant et un numéro d'engagement",
}
_TABLES = {
    "structures": "structures",
    "active structures": "structures actives",
    "services": "services",
    "active services": "services actifs",
    "suppliers": "fournisseurs",
    "active suppliers": "fournisseurs actifs",
    "commitments": "engagements",
}
DayOption = Annotated[str, typer.Option("--day", help="jour de l'extraction, AAAA-MM-JJ (aujourd'hui par défaut)")]


def day_of(text: str, option: str) -> date | None:
    if not text:
        return None
    day = parse_iso_day(text)
    if day is None:
        raise UsageError(f"{option} {text} : une date s'écrit AAAA-MM-JJ")
    return day


# --- directory --------------------------------------------------------------------------------------------------------


@directory.command("import")
def directory_import(
    path: Annotated[Path, typer.Argument(help="dossier (structures.csv, services.csv), XLSX ou XML")],
    day: DayOption = "",
    home: HomeOption = None,
) -> None:
    """Charger un annuaire daté ; il est gardé, et nommé dans chaque verdict."""
    from pipeline.adapters.table_files import ReferenceFileError
    from pipeline.runner import import_directory

    existing([path])
    with opened(home) as place:
        try:
            told = import_directory(place, path, day_of(day, "--day"))
        except ReferenceFileError as error:
            raise UsageError(str(error)) from error
    came = told.imported
    typer.echo(
        f"{came.snapshot.name} : {came.structures} structures, {came.services} services, {came.suppliers} fournisseurs"
    )
    _print_remarks(told.remarks)


def _print_remarks(remarks: "Sequence[Remark]") -> None:
    for remark in remarks[:MOST_REMARKS]:
        typer.echo(paragraph(f"ligne {remark.line}", f"{shown(remark.siret)} {remark.said.fr}"))
    if len(remarks) > MOST_REMARKS:
        typer.echo(f"  … et {len(remarks) - MOST_REMARKS} autres remarques")


@directory.command("refresh")
def directory_refresh(
    yes: Annotated[bool, typer.Option("--yes", help="charger aussi ce qui perd beaucoup de lignes")] = False,
    home: HomeOption = None,
) -> None:
    """Charger l'annuaire et les engagements que nomment les réglages ; code 1 s'il faut d'abord un accord."""
    from pipeline.running import refresh

    with existing_home(home) as place:
        given = place.settings.directory
        if given.source is None and given.commitments is None:
            raise UsageError("rien à charger : nommer un fichier dans settings.toml, [directory] source ou commitments")
        asked = [
            _refresh(place, place.path / path, change, take_over, yes=yes)
            for path, change, take_over in (
                (given.source, refresh.directory_change, refresh.refresh_directory),
                (given.commitments, refresh.commitments_change, refresh.refresh_commitments),
            )
            if path is not None
        ]
    if not all(asked):
        raise typer.Exit(REFUSED)


def _refresh(
    place: "Home",
    path: Path,
    change: "Callable[..., DirectoryChange]",
    take_over: "Callable[..., Refreshed]",
    *,
    yes: bool,
) -> bool:
    """Compare, say what changes, take it over unless somebody must agree first; False where somebody must."""
    found = change(place, path)
    if found.is_known:
        typer.echo(f"{found.name} : déjà chargé")
        return True
    table = [("", "en vigueur", "fichier", "perte")]
    table += [
        (
            _TABLES[one.what],
            str(one.before),
            str(one.after),
            f"{one.share_lost:.1%}".replace(".", ",").replace("%", " %"),
        )
        for one in found.tables
    ]
    typer.echo(columns(table, right=frozenset({1, 2, 3})) + "\n")
    if found.asks_approval and not yes:
        share = f"{place.settings.directory.drop_share:.0%}".replace("%", " %")
        typer.echo(
            f"{found.name} : non chargé, il perd plus de {share} des lignes d'une table ; "
            "si c'est voulu : chorus-edi directory refresh --yes"
        )
        return False
    done = take_over(place, path, agreed=found.name)
    typer.echo(f"{done.name} : chargé")
    if done.newest != done.name:
        typer.echo(f"  en vigueur : {done.newest}, d'une date plus récente")
    _print_remarks(done.remarks)
    return True


@directory.command("show")
def directory_show(
    siret: Annotated[str, typer.Argument(help="SIRET d'une structure ; sans lui, l'annuaire en vigueur")] = "",
    day: DayOption = "",
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Ce que l'annuaire dit d'une structure et de ses services."""
    from pipeline.runner import show_directory

    with existing_home(home) as place:
        snapshot, structure = show_directory(place, siret or None, day_of(day, "--day"))
    if snapshot is None:
        raise UsageError("aucun annuaire chargé ; chorus-edi directory import CHEMIN")
    if siret and structure is None:
        typer.echo(f"{shown(siret)} : inconnu de {snapshot.name}")
        raise typer.Exit(REFUSED)
    if format is Format.JSON:
        typer.echo(json_line({"snapshot": asdict(snapshot), "structure": structure and asdict(structure)}))
        return
    typer.echo(f"{shown(snapshot.name)} du {snapshot.day}")
    if structure is not None:
        _print_structure(structure)


def _print_structure(structure: "Structure") -> None:
    from pipeline.routing.requirement import effective

    state = "active" if structure.is_active else f"inactive depuis {structure.inactive_since or '?'}"
    typer.echo(paragraph("Structure", shown(f"{structure.siret} {structure.name} ({state})")))
    typer.echo(paragraph("Exige", _ASKS[effective(structure).value]))
    if structure.successor:
        typer.echo(paragraph("Successeur", structure.successor))
    if structure.services:
        table = [("service", "libellé", "actif", "du", "au", "engagement")]
        table += [
            (
                shown(s.code),
                shown(s.label),
                "oui" if s.is_active else "non",
                str(s.valid_from or ""),
                str(s.valid_to or ""),
                "oui" if s.requires_commitment else "non",
            )
            for s in structure.services
        ]
        typer.echo(columns(table))


# --- commitments ------------------------------------------------------------------------------------------------------


@commitments.command("import")
def commitments_import(
    path: Annotated[Path, typer.Argument(help="commitments.csv")], day: DayOption = "", home: HomeOption = None
) -> None:
    """Charger le fichier des commandes de l'État ; les factures en attente sont rejugées au prochain run."""
    from pipeline.adapters.table_files import ReferenceFileError
    from pipeline.runner import import_commitments

    existing([path])
    with opened(home) as place:
        try:
            came = import_commitments(place, path, day_of(day, "--day"))
        except ReferenceFileError as error:
            raise UsageError(str(error)) from error
    typer.echo(f"{came.snapshot.name} : {came.commitments} engagements")


@commitments.command("show")
def commitments_show(
    numbers: Annotated[list[str] | None, typer.Argument(help="numéros d'engagement")] = None,
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """L'état de la table, et les engagements nommés."""
    from pipeline.runner import show_commitments

    with existing_home(home) as place:
        table = show_commitments(place, numbers or ())
    if format is Format.JSON:
        rows = [asdict(row) for row in table.rows.values()]
        typer.echo(json_line({"state": table.state, "day": table.day, "name": table.name, "rows": rows}))
        return
    words = {
        "never-loaded": "jamais chargée",
        "fresh": "à jour",
        "too-old": "trop ancienne",
        "unavailable": "déclarée indisponible",
    }
    typer.echo(f"table des engagements : {words[table.state]}" + (f" ({shown(table.name)})" if table.name else ""))
    if table.rows:
        lines: list[tuple[str, ...]] = [("numéro", "service", "fournisseur", "état", "du", "au")]
        lines += [
            tuple(shown(str(cell or "")) for cell in (r.number, r.service, r.supplier, r.state, r.opened, r.closed))
            for r in table.rows.values()
        ]
        typer.echo(columns(lines))


@commitments.command("unavailable")
def commitments_are_unavailable(home: HomeOption = None) -> None:
    """Déclarer la table indisponible : les factures qui en ont besoin attendent."""
    from pipeline.runner import commitments_unavailable

    with existing_home(home) as place:
        commitments_unavailable(place)
    typer.echo("engagements déclarés indisponibles ; chorus-edi commitments available met fin à l'attente")


@commitments.command("available")
def commitments_are_available(home: HomeOption = None) -> None:
    """Mettre fin à l'indisponibilité : ce qui attendait est rejugé au prochain run."""
    from pipeline.runner import commitments_available

    with existing_home(home) as place:
        count = commitments_available(place)
    typer.echo(f"engagements disponibles ; {count} flux à rejuger au prochain chorus-edi run")


# --- partners ---------------------------------------------------------------------------------------------------------


@partners.command("add")
def partners_add(
    code: Annotated[str, typer.Argument(help="code application, six caractères")],
    name: Annotated[str, typer.Option("--name", help="nom du partenaire")],
    profile: Annotated[str, typer.Option("--profile")] = LEGACY,
    flows: Annotated[
        str,
        typer.Option(
            "--flows",
            help="codes séparés par des virgules ; sans code de facture, tous ceux qui sont ouverts ; "
            "ACT9001A et CTL9002A ne s'ouvrent qu'ainsi",
        ),
    ] = "",
    may_file: Annotated[list[str] | None, typer.Option("--may-file", help="TYPE:IDENTIFIANT[:DU[:AU]]")] = None,
    receives: Annotated[list[str] | None, typer.Option("--receives", help="SIRET[:SERVICE]")] = None,
    policy: Annotated[list[str] | None, typer.Option("--policy", help="NOM=NIVEAU")] = None,
    report_warnings: Annotated[bool, typer.Option("--report-warnings/--no-report-warnings")] = True,
    roles: Annotated[
        str, typer.Option("--roles", help="recipient,accountant : quels statuts il peut poser ; none : aucun")
    ] = "recipient,accountant",
    lang: Annotated[str, typer.Option("--lang", help="langue des comptes rendus : fr ou en")] = "fr",
    until: Annotated[str, typer.Option("--until", help="dernier jour de dépôt, AAAA-MM-JJ")] = "",
    quota: Annotated[
        list[str] | None,
        typer.Option("--quota", help="NOM=N : files_waiting, bytes_waiting, files_per_hour ; sinon ceux des réglages"),
    ] = None,
    map_recipients: Annotated[
        bool,
        typer.Option("--map-recipients", help="appliquer ses correspondances (chorus-edi mapping) avant le routage"),
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="remplacer la fiche existante")] = False,
    home: HomeOption = None,
) -> None:
    """Déclarer un partenaire : ses flux, pour qui il dépose, pour qui il reçoit."""
    from pipeline.runner import Partner, add_partner

    partner = Partner(
        code=code,
        name=name,
        profile=profile_of(profile),
        flows=_flows(flows),
        rights=tuple(_right(text) for text in may_file or ()),
        receives=tuple(_receives(text) for text in receives or ()),
        policies=policies_of(policy or (), profile),
        report_warnings=report_warnings,
        roles=_roles(roles),
        lang=_lang(lang),
        until=day_of(until, "--until"),
        quota=dict(_quota(text) for text in quota or ()),
        maps_recipients=map_recipients,
    )
    with opened(home) as place:
        add_partner(place, partner, replace=replace)
        folder = place.root(place.settings.roots.drop) / code / "in"
    typer.echo(f"{code} : déposer dans {folder}")


@partners.command("list")
def partners_list(home: HomeOption = None, format: FormatOption = Format.TEXT) -> None:
    """Les partenaires, une ligne chacun."""
    from pipeline.runner import list_partners

    with existing_home(home) as place:
        known = list_partners(place)
    if format is Format.JSON:
        for one in known:
            typer.echo(_as_json(one))
        return
    table = [("code", "nom", "profil", "flux", "dépose pour", "reçoit pour")]
    table += [
        (p.code, shown(p.name), p.profile, str(len(p.flows) or "tous"), str(len(p.rights)), str(len(p.receives)))
        for p in known
    ]
    typer.echo(columns(table) if known else "aucun partenaire ; chorus-edi partners add CODE --name NOM")


@partners.command("show")
def partners_show(code: str, home: HomeOption = None, format: FormatOption = Format.TEXT) -> None:
    """La fiche d'un partenaire."""
    from pipeline.runner import show_partner

    with existing_home(home) as place:
        partner = show_partner(place, code)
    if partner is None:
        typer.echo(f"{shown(code)} : partenaire inconnu")
        raise typer.Exit(REFUSED)
    if format is Format.JSON:
        typer.echo(_as_json(partner))
        return
    typer.echo(f"{partner.code} {shown(partner.name)}")
    rows = (
        ("Profil", partner.profile),
        ("Flux", ", ".join(partner.flows) or "tous les codes ouverts"),
        ("Dépose pour", ", ".join(f"{r.type}:{r.identifier}" for r in partner.rights) or "personne"),
        ("Reçoit pour", ", ".join(":".join(part for part in pair if part) for pair in partner.receives) or "personne"),
        ("Politique", ", ".join(f"{k}={v}" for k, v in partner.policies.items()) or "celle du profil"),
        ("Langue", partner.lang),
        ("Jusqu'au", str(partner.until or "sans limite")),
        ("Correspond.", "appliquées avant le routage" if partner.maps_recipients else "non appliquées"),
        ("Quotas", ", ".join(f"{k}={v}" for k, v in partner.quota.items()) or "ceux des réglages"),
    )
    for label, text in rows:
        typer.echo(paragraph(label, shown(text)))


def _as_json(partner: "Partner") -> str:
    told: dict[str, Any] = asdict(partner)
    return json_line(told)


def _flows(text: str) -> tuple[str, ...]:
    from pipeline.flows import INTERFACES

    given = tuple(part.strip() for part in text.split(",") if part.strip())
    for code in given:
        if code not in INTERFACES or not INTERFACES[code].can_be_dropped:
            raise UsageError(f"--flows {code} : code inconnu ou non ouvert ; la liste : chorus-edi flows")
    return given


def _right(text: str) -> Any:
    from pipeline.model import DepositRight

    kind, _, rest = text.partition(":")
    identifier, *days = rest.split(":")
    if kind not in set("1234567") or not identifier or len(days) > 2:
        raise UsageError(f"--may-file {text} : attendu TYPE:IDENTIFIANT[:DU[:AU]], TYPE de 1 à 7")
    start, end = (*(day_of(day, "--may-file") for day in days), None, None)[:2]
    return DepositRight(kind, identifier, start, end)


def _receives(text: str) -> tuple[str, str]:
    siret, _, service = text.partition(":")
    if len(siret) != 14 or not (siret.isascii() and siret.isdigit()):
        raise UsageError(f"--receives {text} : attendu SIRET[:SERVICE]")
    return siret, service


def _quota(text: str) -> tuple[str, int]:
    from pipeline.settings import Quota

    name, _, number = text.partition("=")
    if name not in Quota.model_fields or not (number.isascii() and number.isdecimal()) or int(number) < 1:
        known = ", ".join(Quota.model_fields)
        raise UsageError(f"--quota {text} : attendu NOM=N, NOM parmi {known} et N au moins 1")
    return name, int(number)


NO_ROLE = "none"  # a connection that only deposits: its status files are refused (IDN-001)


def _roles(text: str) -> tuple[str, ...]:
    roles = tuple(part.strip() for part in text.split(",") if part.strip())
    if roles == (NO_ROLE,):
        return ()
    if not roles or not set(roles) <= {"recipient", "accountant"}:
        raise UsageError(f"--roles {text} : attendu recipient, accountant, ou les deux")
    return roles


def _lang(text: str) -> str:
    if text not in {"fr", "en"}:
        raise UsageError(f"--lang {text} : attendu fr ou en")
    return text
