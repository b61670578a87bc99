"""Identifiers that the name of a daily file cannot tell apart: one file for all of them, no reject lost."""

from datetime import timedelta

from homes import NOON, drop, flow_name, open_home, out, ready_home, ubl

from pipeline import runner


def of_supplier(identifier: str, number: str) -> bytes:
    """An invoice of a supplier outside the EU for whom the partner may not file."""
    return ubl(number).replace(b'schemeName="1">12345678900015', f'schemeName="3">{identifier}'.encode(), 1)


def test_issuers_of_one_file_name_share_the_file_of_the_day(tmp_path):
    path = tmp_path / "home"
    with ready_home(path) as home:
        for rank, identifier in enumerate(("CH-12", "CH.12", "INCONNU"), 1):
            drop(home, flow_name(rank), of_supplier(identifier, f"R-{rank}"))
        drop(home, flow_name(4), b"<unknown/>")  # nobody knows whose it is: INCONNU
        runner.run(home)
    with open_home(path, NOON + timedelta(days=1)) as home:
        assert runner.run(home).faults == []
        told = {name: text.decode() for name, text in out(home).items() if name.startswith("REJETS")}
    assert sorted(told) == ["REJETS_ABC001_CH-12_20261120.csv", "REJETS_ABC001_INCONNU_20261120.csv"]
    both, unknown = (told[name] for name in sorted(told))
    assert [number in both for number in ("R-1", "R-2")] == [True, True]
    assert ("R-3" in unknown, flow_name(4) in unknown) == (True, True)
