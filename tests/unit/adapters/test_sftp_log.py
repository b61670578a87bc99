"""Who fetched what, as the log of an SFTP server tells it."""

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.adapters.sftp_log import fetched

NAME = "CSO1100A_ABC001_CPP0011100000000000000001"


def ours(name: str, verb: str = "get") -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return json.dumps({"event": "sftp", "verb": verb, "partner": "ABC001", "size_bytes": 900, "name_sha256": digest})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f'Nov 20 12:00:01 srv internal-sftp[7]: close "/out/{NAME}" bytes read 900 written 0', True),
        (f'2026-11-20T12:00:01+01:00 srv sftp-server[7]: close "{NAME}" bytes read 1 written 0', True),
        (f'Nov 20 12:00:01 srv internal-sftp[7]: close "/out/{NAME}" bytes read 0 written 0', False),
        (f'Nov 20 12:00:01 srv internal-sftp[7]: close "/in/{NAME}" bytes read 0 written 900', False),
        (f'Nov 20 12:00:01 srv internal-sftp[7]: open "/out/{NAME}" flags READ mode 0666', False),
        (f'Nov 20 12:00:01 srv internal-sftp[7]: close "/out/{NAME}X" bytes read 900 written 0', False),
        (ours(NAME), True),
        (ours(NAME, "put"), False),
        (ours("another"), False),
        ('{"event": "sftp", "verb": "get", "name_sha', False),
        ("", False),
    ],
)
def test_a_file_was_fetched_when_at_least_one_byte_of_it_was_read(tmp_path: Path, line: str, expected: bool) -> None:
    log = tmp_path / "sftp.log"
    log.write_text(f"before\n{line}\nafter\n", encoding="utf-8")
    assert fetched(log, {NAME}) == (frozenset({NAME}) if expected else frozenset())


def test_a_line_without_an_end_and_bytes_that_are_no_text_stop_nothing(tmp_path: Path) -> None:
    log = tmp_path / "sftp.log"
    read = f'internal-sftp[7]: close "/out/{NAME}" bytes read 9 written 0'.encode()
    log.write_bytes(b"\xff" * 20_000 + b"\n" + read)
    assert fetched(log, {NAME}) == frozenset({NAME})


def test_a_log_that_is_not_there_is_no_empty_log(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fetched(tmp_path / "none", {NAME})
