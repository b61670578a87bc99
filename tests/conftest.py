"""What every test may use: golden files, rewritten by `pytest --update-golden` and read by the reviewer as a diff."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

SERVICES = Path(__file__).parent / "services"
pytest_plugins = [f"services.{path.stem}" for path in sorted(SERVICES.glob("[a-z]*.py"))]
GOLDEN = Path(__file__).parent / "golden"
# compiled rules: never those of whoever runs the tests, and made once for all of them
os.environ.setdefault("CHORUS_EDI_CACHE", str(Path(__file__).parents[1] / "var" / "tests-cache"))


def pytest_configure(config: pytest.Config) -> None:
    """Branches are counted in the processes that run tests, not in those that tests start: a fifth of the shell's time."""
    if hasattr(config, "workerinput"):
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden/ with what the code gives now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes], None]:
    """`golden(name, bytes)`: equal to the file of that name, byte for byte."""

    def compare(name: str, given: bytes) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(given)
        assert path.is_file(), f"tests/golden/{name} is missing: run pytest --update-golden and read the diff"
        assert given.decode() == path.read_bytes().decode()

    return compare


# the main way through the shell, which the core lane keeps; the other files of that folder are for `make test`
MAIN_WAY = {"test_demo", "test_fixtures", "test_corpus", "test_bad_input", "test_runner", "test_runner_verify"}
PROCESSES = {
    "test_launcher", "test_read_pool", "test_read_pool_hostile", "test_limits", "test_confinement", "test_mutants",
    "test_hostile_corpus", "test_crash_campaign", "test_ledger_stories", "test_ledger_audit", "test_lifecycle_stories",
}  # fmt: skip
ALONE = {"test_cluster", "test_airflow_up", "test_airflow_kills", "test_airflow_faults"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lanes: by folder, and by the servers that a test asks for."""
    here = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(here).parts[0]
        if folder == "slow":
            item.add_marker("slow")
        if folder == "dags":
            item.add_marker("airflow")
        if folder == "dags" or item.path.stem in ALONE:
            item.add_marker("alone")
        if item.path.stem in PROCESSES or (folder == "integration" and item.path.stem not in MAIN_WAY):
            item.add_marker("shell")
        if isinstance(item, pytest.Function) and any(
            made.func.__module__.startswith("services.")
            for several in item._fixtureinfo.name2fixturedefs.values()
            for made in several
        ):
            item.add_marker("services")
