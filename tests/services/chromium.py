"""A browser without a window: what a page looks like, and every address that it asks for."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from services import missing

TIMEOUT_S = 40
# its own habits: what it would ask its makers for, and what a machine without a desktop does not have
_QUIET = (
    "--headless=new", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--no-default-browser-check",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--disable-extensions", "--disable-domain-reliability", "--metrics-recording-only", "--no-pings",
    "--force-device-scale-factor=1", "--font-render-hinting=none", "--disable-dev-shm-usage", "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # whatever it asks, it does not leave this machine
)  # fmt: skip


_NOBODY = "not an origin"  # who asks, where no page does: the browser itself


@dataclass(frozen=True)
class Shown:
    """A page as it was shown: its picture, and the addresses that it asked for, its own left out."""

    picture: Image.Image
    asked: frozenset[str]


class Chromium:
    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.count = 0

    def show(self, page: Path, *, width: int = 1240, height: int = 1600, dark: bool = False) -> Shown:
        """Open a local page in a browser of its own, and take a picture of its first `height` pixels."""
        self.count += 1
        here = self.folder / f"{self.count}"
        here.mkdir()
        picture, log = here / "page.png", here / "net.json"
        typed = [
            self.program, *_QUIET, f"--user-data-dir={here / 'profile'}", f"--log-net-log={log}",
            f"--window-size={width},{height}", f"--screenshot={picture}",
        ]  # fmt: skip
        if os.geteuid() == 0:
            typed.append("--no-sandbox")  # a container without user namespaces has no other way
        if dark:
            typed.append("--force-dark-mode")
        with (here / "said").open("wb") as said:
            process = subprocess.Popen([*typed, page.as_uri()], stdout=said, stderr=said, start_new_session=True)
            try:
                process.wait(TIMEOUT_S)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        assert picture.is_file(), (here / "said").read_text(encoding="utf-8", errors="replace")
        with Image.open(picture) as image:
            return Shown(image.convert("RGB"), _asked(log))


def _asked(log: Path) -> frozenset[str]:
    """The addresses in the browser's own log of its network. A log cut at the end is read as far as it goes."""
    text = log.read_text(encoding="utf-8")
    try:
        events = json.loads(text)["events"]
    except json.JSONDecodeError:
        events = json.loads(f"{text.rstrip().rstrip(',')}]}}")["events"]
    told = [event["params"] for event in events if "url" in event.get("params", {})]
    assert told, "the browser logged no address at all"
    return frozenset(str(one["url"]) for one in told if one.get("initiator", _NOBODY) != _NOBODY)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        missing("chromium is not installed")
    yield Chromium(program, tmp_path_factory.mktemp("chromium"))
