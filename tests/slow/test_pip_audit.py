"""pip-audit itself, in the environment that uv makes for it, against a list of advisories on loopback."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from services import missing

from bench.audit_dependencies import FAILED, KNOWN, ROOT, main

ADVISORY = {
    "id": "PYSEC-0000-1",
    "details": "made up",
    "aliases": ["CVE-0000-1"],
    "affected": [
        {
            "package": {"name": "lxml", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999.0"}]}],
        }
    ],
}


@pytest.fixture
def advisories() -> Iterator[tuple[str, list[str]]]:
    """(its address, the packages it was asked about); it knows something about lxml."""
    asked: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
            asked.append(name)
            body = json.dumps({"vulns": [ADVISORY]} if name == "lxml" else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
        server.shutdown()


def test_every_pinned_library_is_asked_about_and_what_is_known_is_told(
    advisories: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    url, asked = advisories
    before = (ROOT / "uv.lock").read_bytes()
    code = main(["--advisories", url])
    said = capsys.readouterr()
    if code == FAILED:
        missing(f"pip-audit cannot be fetched: {said.err.strip()[-300:]}")
    assert code == KNOWN
    assert "PYSEC-0000-1 (CVE-0000-1), mended in 999.0" in said.out
    assert said.out.endswith(": 1 advisory\n")
    assert {"lxml", "saxonche", "pikepdf", "paramiko", "apache-airflow"} <= set(asked)
    assert len(set(asked)) > 150
    assert (ROOT / "uv.lock").read_bytes() == before
