"""Real servers for tests: each file starts one on loopback, with its own temporary data, and stops it by its pid."""

import os
import socket
from typing import NoReturn

import pytest

REQUIRE = "CHORUS_EDI_REQUIRE_SERVICES"  # =1: a service that is missing fails the run, as in .ci/run


def missing(what: str) -> NoReturn:
    """The service cannot be started here: skip with the reason, or fail where every service must run."""
    reason = f"{what}; `make services` installs it"
    if os.environ.get(REQUIRE) == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
