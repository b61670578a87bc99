"""`make audit`: what is asked, what is told, and that nobody takes an unreachable list for a clean one."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import audit_dependencies
from bench.audit_dependencies import Advisory, Failed, main, read

TOLD = {
    "dependencies": [
        {"name": "lxml", "version": "6.1.3", "vulns": []},
        {"name": "ours", "skip_reason": "not on PyPI"},
        {
            "name": "saxonche",
            "version": "13.1.0",
            "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-2026-1"], "fix_versions": ["13.1.1"], "description": "..."}],
        },
        {
            "name": "old",
            "version": "1",
            "vulns": [{"id": "GHSA-2", "aliases": [], "fix_versions": [], "description": ""}],
        },
    ],
    "fixes": [],
}
# stands in for uv: `export` writes two pinned versions, `tool run` leaves what the test has put beside it
UV = """#!/bin/sh
here=$(dirname "$0")
echo "$@" >>"$here/calls"
code=$(cat "$here/code")
[ "$1" = export ] && code=0
while [ $# -gt 0 ]; do
    case "$1" in
        --output-file) printf 'lxml==6.1.3 \\\\\\n    --hash=sha256:00\\nold==1\\n' >"$2" ;;
        --output) [ -f "$here/told.json" ] && cp "$here/told.json" "$2" ;;
    esac
    shift
done
exit "$code"
"""


@pytest.fixture
def advisories() -> Iterator[str]:
    """A list that answers as osv.dev does, and knows nothing."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, int], Path]:
    """`uv(told, code)`: what pip-audit writes, and how it ends; returns the list of calls."""

    def made(told: Any, code: int) -> Path:
        program = tmp_path / "uv"
        program.write_text(UV)
        program.chmod(0o755)
        (tmp_path / "code").write_text(str(code))
        if told is not None:
            (tmp_path / "told.json").write_text(json.dumps(told))
        monkeypatch.setattr(audit_dependencies, "_uv", lambda: str(program))
        return tmp_path / "calls"

    return made


def test_what_is_known_is_told_with_the_version_that_mends_it() -> None:
    found, unknown = read(TOLD)
    assert [str(one) for one in found] == [
        "old 1: GHSA-2, not mended yet",
        "saxonche 13.1.0: PYSEC-1 (CVE-2026-1), mended in 13.1.1",
    ]
    assert found[1] == Advisory("saxonche", "13.1.0", "PYSEC-1", ("CVE-2026-1",), ("13.1.1",))
    assert unknown == ["ours: not on PyPI"]


def test_a_list_that_cannot_be_reached_is_said_and_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--advisories", "http://127.0.0.1:9/v1/query"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("nothing was audited: http://127.0.0.1:9/v1/query cannot be reached (")
    assert "no answer about the libraries" in said


def test_nothing_known_is_exit_0_and_every_pin_was_asked_about(
    advisories: str, uv: Callable[[Any, int], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    calls = uv({"dependencies": TOLD["dependencies"][:1], "fixes": []}, 0)
    assert main(["--advisories", advisories]) == 0
    assert capsys.readouterr().out == f"2 pinned versions held against {advisories}: nothing known\n"
    export, run = calls.read_text().splitlines()
    assert "--frozen --all-extras --all-groups --no-emit-project" in export
    assert f"tool run --from {audit_dependencies.PIP_AUDIT} pip-audit" in run
    assert f"--osv-url {advisories}" in run
    assert "--disable-pip" in run


def test_something_known_is_exit_1_one_line_each(
    advisories: str, uv: Callable[[Any, int], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    uv(TOLD, 1)
    assert main(["--advisories", advisories]) == 1
    said = capsys.readouterr().out
    assert "saxonche 13.1.0: PYSEC-1 (CVE-2026-1), mended in 13.1.1" in said
    assert "not audited: ours: not on PyPI" in said
    assert said.endswith(": 2 advisories\n")


@pytest.mark.parametrize("code", [1, 2])
def test_an_audit_that_wrote_nothing_is_a_failure_and_never_a_clean_list(
    advisories: str, uv: Callable[[Any, int], Path], capsys: pytest.CaptureFixture[str], code: int
) -> None:
    uv(None, code)
    assert main(["--advisories", advisories]) == 3
    assert capsys.readouterr().err.startswith("the audit failed: ")


def test_without_uv_it_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_dependencies.shutil, "which", lambda *_args, **_given: None)
    with pytest.raises(Failed, match="make install"):
        audit_dependencies._uv()
