"""Real servers for tests: each file starts one on loopback, with its own temporary data, and stops it by its pid."""

import os
from typing import NoReturn

import pytest

REQUIRE = "CHORUS_EDI_REQUIRE_SERVICES"  # =1: a service that is missing fails the run, as in .ci/run


def missing(what: str) -> NoReturn:
    """The service cannot be started here: skip with the reason, or fail where every service must run."""
    reason = f"{what}; `make services` installs it"
    if os.environ.get(REQUIRE) == "1":
        pytest.fail(reason)
    pytest.skip(reason)
