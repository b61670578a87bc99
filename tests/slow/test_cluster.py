"""Two thousand invoices through the whole cluster; `make cluster-test` runs the same with twenty thousand."""

import os
import shutil

import pytest
from services import missing
from slow import cluster


@pytest.fixture(scope="module")
def figures() -> cluster.Figures:
    if os.geteuid() != 0 or shutil.which("redis-server") is None:
        missing("the cluster needs root (chroots, accounts), redis-server, PostgreSQL and the S3 server")
    return cluster.run(2_000)


@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_and_every_invariant_holds(figures: cluster.Figures) -> None:
    print(cluster.told(figures))
    assert figures.broken == []
    assert figures.trouble == []
    assert figures.listeners == []
    assert figures.reports_fetched == figures.flows


def test_the_lots_of_the_killed_worker_found_other_hands_within_a_minute(figures: cluster.Figures) -> None:
    # the lease of 45 s, then a slot of the other machine: it waits for that, however little there is left to do
    assert 0 < figures.taken_over_s <= 60
