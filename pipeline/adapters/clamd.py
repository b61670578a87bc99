"""`Scanner` by clamd, the daemon of ClamAV: INSTREAM over its unix socket, or over TCP on this machine.

A connection for each scan: opening one costs less than finding out that a kept one has gone. What clamd calls FOUND is
a signature, what it calls OK is none; everything else (silence, another answer, more bytes than it takes) is a fault.
Bytes that were clean a while ago are not sent again, unless the signatures have changed since.
"""

import re
import select
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.adapters.system_errors import why
from pipeline.model import PackRun
from pipeline.ports import Fault, Said, Scannable
from pipeline.validators.antivirus import PACK

ENGINE = "clamd"
TIMEOUT_S = 150.0  # for one scan; clamd itself gives up after MaxScanTime, 120 s
CONNECT_S = 10.0  # also for the answer to a word that costs it nothing
PATIENCE_S = 5.0  # of silence; then it is asked whether it is still there
REST_S = 5.0  # after it was away: what is asked meanwhile fails at once, and a lot does not wait file by file
REMEMBERED = 20_000  # digests of clean bytes, 2 MB
REMEMBERED_S = 600.0
VERSION_S = 60.0  # how old the version of the signatures may be
REPLY_BYTES_MAX = 4_096
_CHUNK_HEAD_BYTES = 4
_TOO_LONG = "INSTREAM size limit exceeded"
_UNIX = re.compile(r"unix:(/.{1,106})")  # the kernel takes 107 bytes
_LOOPBACK = re.compile(r"(127(?:\.[0-9]{1,3}){3}|localhost|\[::1\]):([0-9]{1,5})", re.ASCII)


class AntivirusAway(Fault):
    """Nobody answers at the address: whatever is to be scanned waits."""


class NotScanned(Fault):
    """It answers, and has not looked at all of these bytes: they alone wait."""


class Clamd:
    """One daemon, asked by as many threads as like to."""

    def __init__(self, address: str, timeout_s: float) -> None:
        """`address`: `unix:/path`, or `host:port` of loopback; `timeout_s` is for one scan, from its first byte on."""
        self.address, self._timeout_s = address, timeout_s
        self._family, self._place = place(address)
        self._lock = threading.Lock()
        self._clean: OrderedDict[str, float] = OrderedDict()  # digest -> when it was last looked at
        self._version, self._version_at = "", -VERSION_S
        self._away: tuple[float, AntivirusAway] | None = None

    def scan(self, content: Scannable) -> str:
        self.describe()  # signatures that have changed forget what was clean
        digest = content.sha256()
        if self._was_clean(digest):
            return ""
        signature = self._ask(content)
        if not signature:
            self._remember(digest)
        return signature

    def describe(self) -> PackRun:
        now = time.monotonic()
        if now - self._version_at >= VERSION_S:
            version = self._said("VERSION")
            with self._lock:
                if version != self._version:
                    self._clean.clear()
                self._version, self._version_at = version, now
        return PackRun(PACK, ENGINE, "", self._version)

    # --- what was clean -----------------------------------------------------------------------------------------------

    def _was_clean(self, digest: str) -> bool:
        with self._lock:
            return time.monotonic() - self._clean.get(digest, -REMEMBERED_S) < REMEMBERED_S

    def _remember(self, digest: str) -> None:
        with self._lock:
            self._clean[digest] = time.monotonic()
            self._clean.move_to_end(digest)
            if len(self._clean) > REMEMBERED:
                self._clean.popitem(last=False)

    # --- the protocol -------------------------------------------------------------------------------------------------

    def _ask(self, content: Scannable) -> str:
        until = time.monotonic() + self._timeout_s
        with self._connected() as link:
            try:
                self._send(link, content, until)
            except TimeoutError:
                raise self._late(content.size_bytes) from None
            except ConnectionError:
                pass  # it closed while we were sending: most often it says why
            reply = self._reply(link, until, content.size_bytes)
        return self._signature(reply, content.size_bytes)

    def _send(self, link: socket.socket, content: Scannable, until: float) -> None:
        sent, waiting = 0, bytearray(b"zINSTREAM\0")
        for chunk in content.chunks():
            sent += len(chunk)
            waiting += len(chunk).to_bytes(_CHUNK_HEAD_BYTES) + chunk
            if len(waiting) >= 1 << 16:
                if _speaks(link):
                    return
                _send_all(link, waiting, until)
                waiting.clear()
        if sent != content.size_bytes:
            raise NotScanned(_short())
        waiting += bytes(_CHUNK_HEAD_BYTES)
        _send_all(link, waiting, until)

    def _reply(self, link: socket.socket, until: float, size_bytes: int) -> str:
        """What it says, up to its end mark. While it is silent it is asked now and then, beside, whether it lives."""
        said = bytearray()
        while b"\0" not in said:
            link.settimeout(max(min(PATIENCE_S, until - time.monotonic()), 0.001))
            try:
                part = link.recv(REPLY_BYTES_MAX)
            except TimeoutError:
                if time.monotonic() >= until:
                    raise self._late(size_bytes) from None
                self._said("PING")
                continue
            except OSError as error:
                raise self._hung_up(size_bytes) from error
            if not part or len(said) > REPLY_BYTES_MAX:
                raise self._hung_up(size_bytes)
            said += part
        return said.partition(b"\0")[0].decode("utf-8", "replace").strip()

    def _signature(self, reply: str, size_bytes: int) -> str:
        said = reply.removeprefix("stream: ")
        if said == "OK":
            return ""
        if said.endswith(" FOUND"):
            return said.removesuffix(" FOUND") or "FOUND"
        if said.startswith(_TOO_LONG):
            raise NotScanned(_too_long(size_bytes))
        raise NotScanned(_failed(said))

    def _said(self, word: str) -> str:
        """Ask for one word, which costs it nothing; no answer to that is an `AntivirusAway`."""
        with self._connected() as link:
            try:
                link.sendall(f"z{word}\0".encode())
                said = bytearray()
                while b"\0" not in said and len(said) < REPLY_BYTES_MAX:
                    part = link.recv(REPLY_BYTES_MAX)
                    if not part:
                        break
                    said += part
            except OSError as error:
                raise self._is_away(why(error)) from error
        if not said:
            raise self._is_away(Said("pas de réponse", "no answer"))
        return said.partition(b"\0")[0].decode("utf-8", "replace").strip()

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        away = self._away
        if away is not None and time.monotonic() < away[0]:
            raise AntivirusAway(away[1].said)
        with socket.socket(self._family, socket.SOCK_STREAM) as link:
            link.settimeout(CONNECT_S)
            try:
                link.connect(self._place)
            except OSError as error:
                raise self._is_away(why(error)) from error
            yield link

    # --- what went wrong ----------------------------------------------------------------------------------------------

    def _is_away(self, reason: Said) -> AntivirusAway:
        fault = AntivirusAway(_away(self.address, reason))
        self._away = time.monotonic() + REST_S, fault
        return fault

    def _hung_up(self, size_bytes: int) -> Fault:
        """It closed without a word: it is away, or it wanted no more of these bytes."""
        try:
            self._said("PING")
        except AntivirusAway as away:
            return away
        return NotScanned(_cut(size_bytes))

    def _late(self, size_bytes: int) -> Fault:
        return NotScanned(
            Said(
                f"l'antivirus n'a pas fini d'analyser {size_bytes} octets en {self._timeout_s:g} s ; lui donner plus "
                "de temps ([antivirus] timeout_s, plus que MaxScanTime de clamd.conf), puis relancer chorus-edi run",
                f"the antivirus has not finished with {size_bytes} bytes in {self._timeout_s:g} s; give it more time "
                "([antivirus] timeout_s, more than MaxScanTime in clamd.conf) and run again",
            )
        )


def place(address: str) -> tuple[socket.AddressFamily, str | tuple[str, int]]:
    """(family, address) for a socket; `ValueError` where it is neither a unix socket nor a port of this machine."""
    if unix := _UNIX.fullmatch(address):
        if len(unix[1].encode()) <= 107:
            return socket.AF_UNIX, unix[1]
    elif (tcp := _LOOPBACK.fullmatch(address)) and 0 < int(tcp[2]) <= 65_535:
        host = tcp[1].strip("[]")
        return (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, int(tcp[2]))
    raise ValueError(address)


def _speaks(link: socket.socket) -> bool:
    """It answers before the end of the stream: it wants no more of it."""
    asked = select.poll()  # `select` knows a thousand descriptors only
    asked.register(link, select.POLLIN)
    return bool(asked.poll(0))


def _send_all(link: socket.socket, data: bytearray, until: float) -> None:
    link.settimeout(max(until - time.monotonic(), 0.001))  # for all of it: `sendall` counts its time once
    link.sendall(data)


def _away(address: str, reason: Said) -> Said:
    mend = Said(
        "systemctl restart clamav-daemon, puis chorus-edi run ; rien n'est accepté sans lui",
        "`systemctl restart clamav-daemon`, then `chorus-edi run`; nothing is accepted without it",
    )
    return (
        Said(f"l'antivirus ne répond pas à {address}", f"the antivirus does not answer at {address}")
        .because(reason)
        .then(mend)
    )


def _too_long(size_bytes: int) -> Said:
    return Said(
        f"l'antivirus n'accepte pas {size_bytes} octets d'un coup ; mettre au-dessus, dans clamd.conf, "
        "StreamMaxLength, MaxFileSize et MaxScanSize, systemctl restart clamav-daemon, puis chorus-edi run",
        f"the antivirus does not take {size_bytes} bytes at once; set StreamMaxLength, MaxFileSize and MaxScanSize "
        "above that in clamd.conf, `systemctl restart clamav-daemon`, then `chorus-edi run`",
    )


def _cut(size_bytes: int) -> Said:
    return Said(
        f"l'antivirus a coupé pendant l'analyse de {size_bytes} octets ; journalctl -u clamav-daemon dit pourquoi "
        "(StreamMaxLength, mémoire), puis chorus-edi run",
        f"the antivirus hung up while it looked at {size_bytes} bytes; `journalctl -u clamav-daemon` says why "
        "(StreamMaxLength, memory), then `chorus-edi run`",
    )


def _failed(said: str) -> Said:
    told = "".join(c if c.isprintable() else "?" for c in said[:200])
    return Said(
        f"l'antivirus n'a pas pu analyser : {told} ; journalctl -u clamav-daemon dit pourquoi, puis chorus-edi run",
        f"the antivirus could not scan: {told}; `journalctl -u clamav-daemon` says why, then `chorus-edi run`",
    )


def _short() -> Said:
    return Said(
        "ce qui est à analyser est plus court que prévu ; relancer chorus-edi run",
        "what is to be scanned is shorter than expected; run again",
    )
