"""The versions of uv.lock against the public list of advisories: `make audit`, `python -m bench.audit_dependencies`.

pip-audit runs in an environment of its own, which uv makes: it is no dependency of ours. It is asked about what uv.lock
pins, extras and groups included, whatever is installed here. Names and versions leave the machine, nothing else.

Exit code 0: nothing is known against them, or the list could not be reached, and the sentence says which; 1: something
is known, one line each; 3: the audit itself failed.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
ADVISORIES = "https://api.osv.dev/v1/query"
PIP_AUDIT = "pip-audit==2.10.1"
REACH_S = 10
AUDIT_S = 900
KNOWN, FAILED = 1, 3
_PROBE = {"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "9.0.0"}


class Advisory(NamedTuple):
    """Something known against a version that we pin."""

    package: str
    version: str
    id: str
    aliases: tuple[str, ...]
    mended: tuple[str, ...]  # versions that mend it; empty: none yet

    def __str__(self) -> str:
        known_as = f" ({', '.join(self.aliases)})" if self.aliases else ""
        mended = f"mended in {', '.join(self.mended)}" if self.mended else "not mended yet"
        return f"{self.package} {self.version}: {self.id}{known_as}, {mended}"


class Failed(Exception):
    """The audit could not be made, though the advisories can be reached."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="audit_dependencies", description=__doc__.partition("\n")[0])
    options.add_argument("--advisories", default=ADVISORIES, metavar="URL", help="another list of the same form (OSV)")
    url = options.parse_args(arguments).advisories
    reason = unreachable(url)
    if reason:
        print(f"nothing was audited: {url} cannot be reached ({reason}). This is no answer about the libraries.")
        return 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            pinned, told = audit(Path(folder), url)
    except (Failed, OSError, subprocess.TimeoutExpired) as error:
        print(f"the audit failed: {error}", file=sys.stderr)
        return FAILED
    found, unknown = read(told)
    for line in (*map(str, found), *(f"not audited: {name}" for name in unknown)):
        print(line)
    known = f"{len(found)} {'advisory' if len(found) == 1 else 'advisories'}" if found else "nothing known"
    print(f"{pinned} pinned versions held against {url}: {known}")
    return KNOWN if found else 0


def unreachable(url: str) -> str:
    """Why the list does not answer; empty where it does. One question, as every later one will be."""
    asked = urllib.request.Request(url, json.dumps(_PROBE).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=REACH_S) as answer:
            json.load(answer)
    except (OSError, ValueError) as error:  # URLError and HTTPError are an OSError
        return str(getattr(error, "reason", "") or error)
    return ""


def audit(folder: Path, url: str) -> tuple[int, Mapping[str, Any]]:
    """How many versions uv.lock pins, and what pip-audit says of them."""
    uv = _uv()
    requirements, told = folder / "requirements.txt", folder / "told.json"
    _run([
        uv, "export", "--quiet", "--frozen", "--all-extras", "--all-groups", "--no-emit-project", "--no-header",
        "--no-annotate", "--output-file", str(requirements),
    ])  # fmt: skip
    pinned = sum("==" in line for line in requirements.read_text(encoding="utf-8").splitlines())
    done = _run(
        [
            uv, "tool", "run", "--from", PIP_AUDIT, "pip-audit", "--requirement", str(requirements), "--require-hashes",
            "--disable-pip", "--vulnerability-service", "osv", "--osv-url", url, "--progress-spinner", "off",
            "--desc", "off", "--format", "json", "--output", str(told),
        ],
        fine=(0, 1),  # 1: it found something, or it failed: then it has written nothing
    )  # fmt: skip
    if not told.is_file():
        raise Failed(f"pip-audit wrote no answer: {done.stderr.strip()[-500:]}")
    return pinned, json.loads(told.read_text(encoding="utf-8"))


def read(told: Mapping[str, Any]) -> tuple[list[Advisory], list[str]]:
    """(what is known, what could not be asked about), from the JSON of pip-audit."""
    found, unknown = [], []
    for package in told["dependencies"]:
        if "skip_reason" in package:
            unknown.append(f"{package['name']}: {package['skip_reason']}")
        found += (
            Advisory(package["name"], package["version"], one["id"], tuple(one["aliases"]), tuple(one["fix_versions"]))
            for one in package.get("vulns", ())
        )
    return sorted(found), sorted(unknown)


def _uv() -> str:
    """uv of the machine, or the one that `make install` has put beside the virtual environment."""
    found = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".venv-uv" / "bin"))
    if found is None:
        raise Failed("uv is not installed; `make install` brings it")
    return found


def _run(command: Sequence[str], fine: tuple[int, ...] = (0,)) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=AUDIT_S)
    if done.returncode not in fine:
        raise Failed(f"{' '.join(command[:4])} ...: {done.stderr.strip()[-500:]}")
    return done


if __name__ == "__main__":
    sys.exit(main())
