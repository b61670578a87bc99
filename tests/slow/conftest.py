"""The servers and Airflow start once: `test_airflow_kills` works on them, then `test_airflow_up`, which ends them."""

from collections.abc import Iterator

import pytest
from services import missing
from services.postgres import NoServer
from services.sshd import Unavailable
from slow.airflow_stack import PARTNERS, Stack, running


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    try:
        with running(PARTNERS) as found:
            yield found
    except (NoServer, Unavailable, FileNotFoundError) as error:
        missing(str(error))
