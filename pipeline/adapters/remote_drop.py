"""The drop zone and the outbox on an SFTP server: claimed by a rename there, sent by a rename there.

Times come in whole seconds and from another clock: only two equal looks say that a file is finished. What a name stands
for is asked after the claim, when nobody but us can change it; what is no plain file is never opened, a pipe would hold
the server for ever. Names are bytes, and each is only ever one name of its folder. Whose files are taken is set where
it is known (`owners`, the server's uid): who owns the `in/` of a foreign server tells nothing.
"""

import contextlib
import hashlib
import re
from collections.abc import Collection, Iterator, Set
from typing import BinaryIO

from pipeline.adapters.local_drop import (
    CHANGED,
    HASHED_MAX_BYTES,
    NO_FILE,
    STRANGER,
    TOO_BIG,
    first,
    is_hidden,
    is_temporary,
    no_plain_file,
    set_apart,
    stranger,
    temporary_name,
    too_big,
)
from pipeline.adapters.sftp_account import Account
from pipeline.adapters.sftp_session import Session, Stat
from pipeline.adapters.system_errors import Failed, Unreachable
from pipeline.ports import Archived, InWork, Lying, NewObject, ObjectStore, Said, Seen
from pipeline.terms import DropLimits

_KEY = re.compile(rb"[0-9a-f]{16}-[0-9]+-[0-9]+(-[0-9]+)?")
_NS = 1_000_000_000


class RemoteDrop:
    """Fulfils `ports.DropZone` on a server: `inbox` (the partner's), `work` (ours, same file system)."""

    is_remote = True

    def __init__(
        self, account: Account, inbox: str, work: str, limits: DropLimits, owners: Collection[int] = ()
    ) -> None:
        self.account, self.limits, self._owners = account, limits, frozenset(owners)
        self.inbox, self.work = inbox.encode(), work.encode()
        self.place = _place(account, inbox)
        self.lanes = account.lanes
        self._claimed: dict[str, Stat] = {}  # what this process has claimed and not archived yet

    def make(self) -> None:
        """Make our folder where it is missing; `in/` is made by whoever runs the server."""
        with self.account.channel() as sftp:
            if not sftp.exists(self.work):
                _make(sftp, self.work, _place(self.account, self.work.decode()))

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """The ledger says who is alone at a server."""
        yield True

    def scan(self) -> list[Seen]:
        """Every name that is not a temporary one, finished or not, oldest first; of a fuller folder the first ones."""
        try:
            with self.account.channel() as sftp, contextlib.closing(sftp.listing(self.inbox)) as listing:
                drops = first(listing, lambda one: is_temporary(one[0], self.limits))
                found = [Seen(name, what.size_bytes, what.mtime_s * _NS, 0) for name, what in drops]
        except (FileNotFoundError, PermissionError) as error:
            raise Failed(_no_inbox(self.place)) from error
        return sorted(found, key=lambda seen: seen.order)

    def is_quiet(self, seen: Seen, now_ns: int) -> bool:
        """Never at first sight: another machine's clock."""
        return False

    def claim(self, seen: Seen, taken: Set[str]) -> InWork | None:
        """Move a finished file into `work/` under a key that no deposit has had; None when someone else took it.

        Making the folder of the key is what only one can do. What we then move there replaces nothing.
        """
        source = _in(self.inbox, seen.name)
        with self.account.channel() as sftp:
            for k in range(1, 10_000):
                key = seen.key if k == 1 else f"{seen.key}-{k}"
                folder = _in(self.work, key.encode())
                if key in taken or not _made(sftp, folder):
                    continue
                target = _in(folder, seen.name)
                moved, looked = sftp.ask_rename(source, target), sftp.ask_lstat(target)
                try:
                    sftp.answer(moved)
                except Unreachable:
                    raise
                except OSError as error:
                    with contextlib.suppress(OSError):
                        sftp.remove_folder(folder)
                    if isinstance(error, FileNotFoundError):
                        return None
                    raise
                self._claimed[key] = sftp.told(looked)
                return InWork(key, seen.name, target, seen.order)
        return None

    def in_work(self) -> list[InWork]:
        """What was claimed and is not deleted yet, oldest drop first; an empty folder is the rest of a claim."""
        found = []
        with self.account.channel() as sftp:
            folders = [name for name, what in sftp.listing(self.work) if what.is_folder and _KEY.fullmatch(name)]
            for key in folders:
                folder = _in(self.work, key)
                try:
                    names = sorted(name for name, _ in sftp.listing(folder))
                    if not names:
                        sftp.remove_folder(folder)
                        continue
                except FileNotFoundError:
                    continue
                order = int(key.split(b"-")[1]), names[0]
                found.append(InWork(key.decode(), names[0], _in(folder, names[0]), order))
        return sorted(found, key=lambda claimed: (claimed.order, claimed.claim))

    def archive(
        self, claimed: InWork, store: ObjectStore, partner: str, size_max: int
    ) -> tuple[Archived, NewObject | None]:
        """Hash the claimed file while copying it; over `size_max` its bytes are hashed and not kept.

        A file that is not the same after as before, or that gave less than its size, is an error: it waits in `work/`.
        """
        with self.account.channel() as sftp:
            before = self._claimed.pop(claimed.claim, None) or sftp.lstat(claimed.path)
            if not before.is_plain:
                return set_apart(no_plain_file(before.mode), NO_FILE), None
            if self._owners and before.uid not in self._owners:
                return set_apart(stranger(before.uid), STRANGER), None
            if before.size_bytes > HASHED_MAX_BYTES:
                return set_apart(too_big(before.size_bytes), TOO_BIG), None
            if before.size_bytes > size_max:
                hashed = _Hashed()
                self._read(sftp, claimed.path, before, hashed)
                return Archived(hashed.sha256, hashed.size_bytes, is_kept=False), None
            new = store.begin(partner)
            try:
                self._read(sftp, claimed.path, before, new)
                new.close()
            except BaseException:
                new.drop()
                raise
        return Archived(new.sha256, new.size_bytes, is_kept=True), new

    def delete(self, claimed: InWork) -> None:
        """Forget a claimed file: its row is committed. Deleting twice is deleting once."""
        folder = _in(self.work, claimed.claim.encode())
        with self.account.channel() as sftp:
            removed, emptied = sftp.ask_remove(claimed.path), sftp.ask_remove_folder(folder)
            with contextlib.suppress(FileNotFoundError):
                try:
                    sftp.answer(removed)
                except Unreachable:
                    raise
                except OSError:
                    if not sftp.lstat(claimed.path).is_folder:
                        raise
                    _remove_tree(sftp, claimed.path)
            with contextlib.suppress(FileNotFoundError):
                try:
                    sftp.answer(emptied)
                except Unreachable:
                    raise
                except OSError:  # it was not empty yet
                    sftp.remove_folder(folder)

    def _read(self, sftp: Session, path: bytes, before: Stat, into: "NewObject | _Hashed") -> None:
        after = sftp.read(path, before.size_bytes, self.account.in_flight, into.write)
        if (after.size_bytes, after.mtime_s) != (before.size_bytes, before.mtime_s):
            raise Failed(CHANGED)
        if into.size_bytes != before.size_bytes:
            raise Failed(_SHORT)


class RemoteOutgoing:
    """Fulfils `ports.Outgoing` in a folder of a server."""

    few = 1

    def __init__(self, account: Account, folder: str) -> None:
        self.account = account
        self.folder = folder.encode()
        self.place = _place(account, folder)
        self.lanes = account.lanes

    def upload(self, name: str, source: BinaryIO) -> None:
        """Write all of `source` under the temporary name of this row; an unfinished earlier try is written over."""
        with self.account.channel() as sftp:
            path = self._temporary(name)
            try:
                written, there = sftp.write(path, source, self.account.in_flight)
            except FileNotFoundError:
                _make(sftp, self.folder, self.place)
                written, there = sftp.write(path, source, self.account.in_flight)
            if written != there:
                raise Failed(_not_whole(self.place))

    def appear(self, name: str, sha256: str) -> bool:
        """Rename into place. False where another file has that name already; the same bytes there are our own.

        No temporary file means that it was renamed before we could say so (and maybe fetched since): True.
        """
        temporary, final = self._temporary(name), _in(self.folder, name.encode())
        with self.account.channel() as sftp:
            try:
                sftp.rename_new(temporary, final)
            except Unreachable:
                raise
            except FileNotFoundError:
                sftp.lstat(self.folder)  # a folder that is gone is another matter
            except OSError:
                try:
                    there = sftp.lstat(final)
                except FileNotFoundError:  # not what stood in the way, or fetched just now
                    sftp.rename_new(temporary, final)
                    return True
                if not self._holds(sftp, final, there, sha256):
                    return False
                with contextlib.suppress(FileNotFoundError):
                    sftp.remove(temporary)
        return True

    def holds(self, name: str) -> bool:
        with self.account.channel() as sftp:
            return sftp.exists(_in(self.folder, name.encode()))

    def lying(self) -> Iterator[Lying]:
        """What stands there now; since when as the server tells it, which a client may have set."""
        try:  # whole, before anything of it is used: whoever reads it will want a channel too
            with self.account.channel() as sftp, contextlib.closing(sftp.listing(self.folder)) as listing:
                found = [(name.decode("utf-8", "surrogateescape"), what) for name, what in listing]
        except FileNotFoundError:
            return
        for name, what in found:
            if not is_hidden(name):
                yield Lying(name, what.size_bytes, what.mtime_s, what.is_plain)

    def digest(self, name: str) -> str | None:
        """Read it over the network, and hash it; None where no plain file has this name."""
        path = _in(self.folder, name.encode("utf-8", "surrogateescape"))
        try:
            with self.account.channel() as sftp:
                what = sftp.lstat(path)
                if not what.is_plain:
                    return None
                hashed = _Hashed()
                sftp.read(path, what.size_bytes, self.account.in_flight, hashed.write)
                return hashed.sha256
        except FileNotFoundError:
            return None

    def flush(self) -> None:
        """Whoever runs the server keeps its names; the bytes were flushed with each file."""

    def _holds(self, sftp: Session, path: bytes, there: Stat, sha256: str) -> bool:
        """The file there has these bytes."""
        if not there.is_plain or there.size_bytes > HASHED_MAX_BYTES:
            return False
        hashed = _Hashed()
        after = sftp.read(path, there.size_bytes, self.account.in_flight, hashed.write)
        return hashed.sha256 == sha256 and after.size_bytes == there.size_bytes

    def _temporary(self, name: str) -> bytes:
        return _in(self.folder, temporary_name(name).encode())


class _Hashed:
    """Bytes that nobody keeps."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def write(self, part: bytes) -> None:
        self._digest.update(part)
        self.size_bytes += len(part)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _in(folder: bytes, name: bytes) -> bytes:
    return folder + b"/" + name


def _make(sftp: Session, folder: bytes, place: str) -> None:
    """Make a folder that is missing, unless another machine has just made it."""
    try:
        _made(sftp, folder)
    except Unreachable:
        raise
    except OSError as error:
        raise Failed(_unmade(place)) from error


def _made(sftp: Session, folder: bytes) -> bool:
    """Make a folder; False where it is there already, which version 3 has no word for."""
    try:
        sftp.make_folder(folder)
    except Unreachable:
        raise
    except OSError:
        if sftp.exists(folder):
            return False
        raise
    return True


def _remove_tree(sftp: Session, folder: bytes) -> None:
    for name, what in list(sftp.listing(folder)):
        path = _in(folder, name)
        if what.is_folder:
            _remove_tree(sftp, path)
        else:
            sftp.remove(path)
    sftp.remove_folder(folder)


# --- in words ---------------------------------------------------------------------------------------------------------


def _place(account: Account, folder: str) -> str:
    return f"{account.server.place}/{folder.lstrip('/')}"


def _no_inbox(place: str) -> Said:
    return Said(
        f"{place} n'existe pas ou ne nous est pas ouvert sur le serveur ; le faire ouvrir à notre compte, ou corriger "
        "inbox dans settings.toml",
        f"{place} does not exist on the server or is closed to us; have it opened for our account, or correct inbox in "
        "settings.toml",
    )


def _unmade(place: str) -> Said:
    return Said(
        f"{place} n'existe pas et ne peut pas être créé ; le faire créer pour notre compte, work sur le même disque "
        "que inbox, ou corriger settings.toml",
        f"{place} does not exist and cannot be made; have it made for our account, work on the same disk as inbox, or "
        "correct settings.toml",
    )


def _not_whole(place: str) -> Said:
    return Said(
        f"{place} : le serveur n'a pas gardé tout ce qui lui a été envoyé",
        f"{place}: the server has not kept all that was sent to it",
    )


_SHORT = Said(
    "le serveur a donné moins d'octets que la taille du fichier ; il sera relu",
    "the server gave fewer bytes than the file has; it will be read again",
)
