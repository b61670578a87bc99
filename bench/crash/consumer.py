"""Whoever fetches answers: takes each file as soon as it has its name, and deletes it. A name that comes twice is told.

It looks at the folders all the time, as root would: no client is quicker.
"""

import hashlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from bench.crash.subject import DOUBLED, Problem

LOOK_S = 0.0005


class Consumer:
    """At work in a thread of its own until the end of the `with`."""

    def __init__(self, roots: Mapping[str, Path]) -> None:
        self.roots = dict(roots)
        self.files: dict[str, str] = {}  # as the subject names them -> digest
        self.problems: list[Problem] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def sweep(self) -> int:
        """Take what is there now; how many."""
        taken = 0
        with self._lock:
            for name, root in self.roots.items():
                for folder in (root / "out", *root.glob("*/out")):
                    if folder.is_dir():
                        taken += sum(self._take(name, root, path) for path in folder.iterdir())
        return taken

    def _take(self, name: str, root: Path, path: Path) -> bool:
        if path.name.startswith("."):
            return False
        told = f"{name}/{path.relative_to(root)}"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.unlink()
        if told in self.files:
            self.problems.append(Problem(DOUBLED, f"{told} was sent twice"))
        self.files[told] = digest
        return True

    def _work(self) -> None:
        while not self._over.wait(LOOK_S):
            self.sweep()
