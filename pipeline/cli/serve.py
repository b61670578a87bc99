"""`serve-sftp`: the drop folders of a home, served over SFTP on this machine."""

import asyncio
import hashlib
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.homes import existing_home
from pipeline.cli.layout import shown
from pipeline.cli.options import HomeOption
from pipeline.plural import counted
from pipeline.ports import Fault, Said

if TYPE_CHECKING:
    from pipeline.adapters.ledger.rows import Partner
    from pipeline.adapters.sftp_server import Setup, SftpServer
    from pipeline.adapters.sftp_visit import Happened
    from pipeline.running.log import Log
    from pipeline.settings import Settings

SSH = "ssh"  # <home>/ssh: the host key, and keys/<application code>
ABOVE_THE_LIMIT = 1 << 20  # so that a flow that is too long arrives, and is refused by a report (FLW-009)
_WORDS = {
    "enter": "connexion ouverte", "refuse": "connexion refusée", "leave": "connexion fermée", "put": "déposé",
    "cut": "dépôt interrompu, rien n'est publié", "get": "retiré", "rename": "renommé", "remove": "supprimé",
    "deny": "opération refusée", "fault": "défaillance",
}  # fmt: skip


def serve_sftp(
    home: HomeOption = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="port ; 0 : un port libre")] = 2222,
) -> None:
    """Servir in/ et out/ de chaque partenaire par SFTP, sur 127.0.0.1 seulement, jusqu'à interruption.

    Une clé par partenaire, dans HOME/ssh/keys/CODE. Les dossiers sont tenus par ce processus seul, et non par le
    système : pas d'autre adresse que 127.0.0.1. Sur un réseau, c'est le rôle d'OpenSSH : docs/ops/serve-sftp.md.
    """
    try:
        from pipeline.adapters.sftp_server import Setup
    except ModuleNotFoundError as error:
        raise Fault(
            Said(
                "serve-sftp a besoin d'asyncssh ; pip install 'chorus-edi[sftp]'",
                "serve-sftp needs asyncssh; pip install 'chorus-edi[sftp]'",
            )
        ) from error
    from pipeline.adapters.dependencies import require
    from pipeline.running.home import open_ledger
    from pipeline.running.room import Gate

    require("asyncssh")
    with existing_home(home) as place:  # not for as long as we serve: it would count as a worker
        path, settings, log = place.path, place.settings, place.log
        partners = place.partners()
    ledger = open_ledger(path, settings)
    drop = path / settings.roots.drop

    def sheet_of(code: str) -> "Partner | None":
        from pipeline.adapters.ledger import partners as sheets

        with ledger.reading() as db:
            return next((partner for partner in sheets.every(db) if partner.code == code), None)

    def may_enter(code: str) -> bool:
        sheet = sheet_of(code)
        return sheet is not None and _is_served(sheet, settings)

    size_max = settings.flow.bytes_max + ABOVE_THE_LIMIT
    setup = Setup(drop, path / SSH, size_max, port, refusal=Gate(settings, drop, sheet_of))

    try:
        asyncio.run(_serve(setup, may_enter, [p for p in partners.values() if _is_served(p, settings)], log))
    finally:
        ledger.close()


def _is_served(partner: "Partner", settings: "Settings") -> bool:
    """It may still drop, and it drops here and not on a server elsewhere, from where alone it is fetched then."""
    from pipeline.model import PARIS

    remote = settings.remotes.get(partner.code)
    is_elsewhere = remote is not None and bool(remote.inbox)
    return not is_elsewhere and (partner.until is None or datetime.now(PARIS).date() <= partner.until)


async def _serve(setup: "Setup", may_enter: Callable[[str], bool], partners: list["Partner"], log: "Log") -> None:
    from pipeline.adapters.sftp_server import SftpServer

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = SftpServer(setup, may_enter, _teller(log))
    await server.start()
    try:
        _print_where(server, setup.keys, [partner.code for partner in partners])
        await stop.wait()
    finally:
        closed, cut = await server.stop()
    cut_off = f" ; {counted(cut, ('dépôt en cours non publié', 'dépôts en cours non publiés'))}" if cut else ""
    typer.echo(f"arrêté ; {counted(closed, ('connexion fermée', 'connexions fermées'))}{cut_off}")


def _print_where(server: "SftpServer", ssh: Path, codes: list[str]) -> None:
    from pipeline.adapters.sftp_keys import PARTNER_KEYS, partner_keys

    keys = ssh / PARTNER_KEYS
    found = {code: partner_keys(ssh, code) for code in codes}
    example = next((code for code, one in found.items() if one.keys), codes[0] if codes else "CODE")
    typer.echo(f"écoute sur 127.0.0.1:{server.port}, pour cette machine seulement (réseau : docs/ops/serve-sftp.md)")
    typer.echo(f"clé d'hôte, une ligne pour known_hosts :\n{server.known_host}")
    typer.echo(f"un essai : sftp -P {server.port} -i CLÉ_PRIVÉE {example}@127.0.0.1")
    having = [f"{code} ({counted(len(one.keys), 'clé')})" for code, one in found.items() if one.keys]
    if having:
        typer.echo(f"partenaires attendus : {', '.join(having)}")
    without = [code for code, one in found.items() if not one.keys]
    if without:
        who = f"{', '.join(without)} : aucune clé" if having else "aucun partenaire n'a de clé"
        typer.echo(f"à noter : {who} ; en écrire une par ligne, comme dans authorized_keys, dans {keys}/CODE")
    for one in found.values():
        if one.trouble is not None:
            print(f"chorus-edi : {shown(one.trouble.fr)}", file=sys.stderr)
    sys.stdout.flush()


def _teller(log: "Log") -> "Callable[[Happened], None]":
    """One line for people and one event for the log. A name is a digest in both: the head of the claim key."""

    def tell(happened: "Happened") -> None:
        digest = hashlib.sha256(happened.name).hexdigest()[:16] if happened.name else ""
        words = [
            datetime.now().astimezone().strftime("%H:%M:%S"), happened.partner or "------",
            f"n° {happened.connection}", _WORDS[happened.verb],
        ]  # fmt: skip
        if happened.verb in {"put", "cut", "get"}:
            words.append(f"{happened.size_bytes} octets")
        if digest:
            words.append(f"nom {digest}")
        if happened.said is not None:
            words.append(shown(happened.said.fr))
        with suppress(OSError):  # a reader that is gone (`| head`) is no reason to refuse a partner
            print("  ".join(words), flush=True)
        log("sftp", verb=happened.verb, partner=happened.partner, connection=happened.connection,
            size_bytes=happened.size_bytes, name_sha256=digest)  # fmt: skip

    return tell
