"""The walls around what parses the files of others, each on a kernel that has it and on one that has not."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.adapters import confinement, kernel
from pipeline.adapters.confinement import Confinement, Walls

ROOT = Path(__file__).parents[3]


def in_a_child(*steps: Callable[[], object]) -> str:
    """What the last of these steps comes to in a process that is thrown away."""
    incoming, outgoing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = ""
            for step in steps:
                answer = f"done {step()}"
        except BaseException as error:
            answer = type(error).__name__
        os.write(outgoing, answer.encode())
        os._exit(0)
    os.close(outgoing)
    with os.fdopen(incoming, "rb") as stream:
        answer = stream.read().decode()
    os.waitpid(child, 0)
    return answer


def read(path: str) -> int:
    with open(path, "rb") as file:
        return len(file.read(1))


def connect(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        return "through"


def test_the_filter_shuts_sockets_and_processes_alone() -> None:
    network = kernel.filter_program(kernel.NETWORK)
    everything = kernel.filter_program(kernel.ALL)
    shut = kernel.forbid_new_privileges
    assert in_a_child(shut, lambda: kernel.filter_calls(network), socket.socket) == "PermissionError"
    assert (
        in_a_child(shut, lambda: kernel.filter_calls(network), lambda: os.waitpid(os.fork() or os._exit(0), 0)[1])
        == "done 0"
    )
    assert in_a_child(shut, lambda: kernel.filter_calls(everything), os.fork) == "PermissionError"
    assert in_a_child(shut, lambda: kernel.filter_calls(everything), lambda: read("/etc/passwd")) == "done 1"


def test_a_filter_of_an_unknown_processor_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "vax")
    assert kernel.filter_program(kernel.ALL) == b""
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert len(kernel.filter_program(kernel.ALL)) % 8 == 0


def test_landlock_leaves_the_folders_that_are_named() -> None:
    def shut() -> None:
        rules = kernel.landlock_rules([ROOT / "pipeline"])
        kernel.forbid_new_privileges()
        kernel.landlock(rules)

    assert in_a_child(shut, lambda: read(str(ROOT / "pipeline" / "judge.py"))) == "done 1"
    assert in_a_child(shut, lambda: read(str(ROOT / "README.md"))) == "PermissionError"
    assert in_a_child(shut, lambda: os.listdir(ROOT)) == "PermissionError"
    assert in_a_child(shut, lambda: (ROOT / "pipeline" / "new").write_bytes(b"")) == "PermissionError"


def test_in_the_empty_network_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert in_a_child(lambda: connect(port)) == "done through"
        assert in_a_child(confinement.leave_network, lambda: connect(port)) == "OSError"


def test_without_root_the_network_is_left_in_a_user_namespace_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    really = kernel.unshare

    def only_with_a_user(flags: int) -> None:
        if not flags & kernel.CLONE_NEWUSER:
            raise PermissionError(1, "not allowed")
        really(flags)

    monkeypatch.setattr(kernel, "unshare", only_with_a_user)
    user = os.geteuid()
    assert in_a_child(confinement.leave_network) == "done True"
    assert in_a_child(confinement.leave_network, os.geteuid) == f"done {user}"
    assert in_a_child(confinement.leave_network, lambda: os.stat(ROOT).st_uid) == f"done {os.stat(ROOT).st_uid}"


def test_a_machine_without_namespaces_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_flags: int) -> None:
        raise PermissionError(1, "not allowed")

    monkeypatch.setattr(kernel, "unshare", refused)
    assert confinement.leave_network() is False


def test_walls_that_do_not_stand_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(38, "no such call")

    whole = confinement.walls([ROOT / "xsd"], has_namespace=True)
    assert whole.found.is_whole
    assert whole.found.said.en.startswith("no network (namespace), no data file (Landlock ")
    monkeypatch.setattr(kernel, "landlock", refused)
    without = confinement.walls()
    assert (without.rules, without.found.landlock, without.found.filter) == (None, 0, True)
    assert "no network (filter of calls), files can be read as by us" in without.found.said.en
    monkeypatch.setattr(kernel, "filter_calls", refused)
    monkeypatch.setattr(kernel, "landlock_version", lambda: 0)
    bare = confinement.walls()
    assert bare == Walls(Confinement(is_linux=True))
    assert not bare.found.has_no_network
    assert "network OPEN" in bare.found.said.en
    assert "réseau OUVERT" in bare.found.said.fr
    os.close(whole.rules or -1)


def test_landlock_alone_shuts_tcp_and_no_more() -> None:
    found = Confinement(is_linux=True, landlock=4)
    assert "no TCP (Landlock 4), the rest of the network is open" in found.said.en
    assert not found.has_no_network
    assert "network OPEN" in Confinement(is_linux=True, landlock=3).said.en


def test_another_system_confines_nothing_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert confinement.walls() == Walls(Confinement())
    assert confinement.leave_network() is False
    assert Confinement().said.en == "none: a reader is confined on Linux only"


def test_what_stands_here_is_tried_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert confinement.seen().is_whole
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert confinement.seen().is_whole  # what was seen once in this process
    assert confinement.seen.__wrapped__() == Confinement(is_linux=True)


def test_root_keeps_no_capability_and_leaves_no_core() -> None:
    if os.geteuid() == 0:
        assert in_a_child(kernel.drop_capabilities, lambda: os.setuid(65534)) == "PermissionError"
    assert in_a_child(kernel.drop_capabilities, kernel.forbid_dumps, os.getpid).startswith("done")
