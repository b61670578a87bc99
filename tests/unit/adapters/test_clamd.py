"""Where a scanner may be: a socket of this machine, or a port of loopback."""

import socket

import pytest

from pipeline.adapters.clamd import place


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("unix:/run/clamav/clamd.ctl", (socket.AF_UNIX, "/run/clamav/clamd.ctl")),
        ("127.0.0.1:3310", (socket.AF_INET, ("127.0.0.1", 3310))),
        ("127.9.9.9:1", (socket.AF_INET, ("127.9.9.9", 1))),
        ("localhost:65535", (socket.AF_INET, ("localhost", 65535))),
        ("[::1]:3310", (socket.AF_INET6, ("::1", 3310))),
    ],
)
def test_a_place_of_this_machine_is_one(address, expected):
    assert place(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "", "/run/clamav/clamd.ctl", "unix:", "unix:clamd.ctl", "unix:/" + "a" * 107, "unix:/" + "é" * 54, "10.0.0.1:3310",
        "192.168.1.1:3310", "clamav:3310", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:١٢",
        "[::2]:3310", "::1:3310", "tcp://127.0.0.1:3310", "127.0.0.1:3310\n", "0.0.0.0:3310",
    ],
)  # fmt: skip
def test_another_machine_or_a_slip_is_none(address):
    with pytest.raises(ValueError) as caught:
        place(address)
    assert caught.value.args == (address,)
