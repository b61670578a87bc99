"""The first versions that are fit: compared right, told with the command, asked for before anything is read."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from pipeline.adapters import dependencies
from pipeline.adapters.dependencies import MINIMUMS, READING, Found, at_least, every, installed, require
from pipeline.ports import Fault

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def forgotten():
    installed.cache_clear()
    yield
    installed.cache_clear()


def older(monkeypatch: pytest.MonkeyPatch, name: str, version: str) -> None:
    right = dependencies._distribution
    monkeypatch.setattr(dependencies, "_distribution", lambda asked: version if asked == name else right(asked))


@pytest.mark.parametrize(
    ("found", "needed", "expected"),
    [
        ("6.1.3", "6.1.3", True), ("6.1.10", "6.1.3", True), ("6.1.2", "6.1.3", False), ("7", "6.1.3", True),
        ("10.17.0", "10.17", True), ("10.17", "10.17.0", True), ("9.99.99", "10.17", False), ("10.9", "10.17", False),
        ("2.9.14", "2.14.2", False), ("13.1.1rc1", "13.1.1", False), ("13.1.1.dev3", "13.1.1", False),
        ("13.1.2a1", "13.1.1", True), ("13.1.1.post1", "13.1.1", True), ("13.1.1+local", "13.1.1", True), ("", "1", False),
        ("unknown", "1", False),
    ],
)  # fmt: skip
def test_versions_compare_as_numbers_and_what_comes_before_a_release_is_less(found, needed, expected):
    assert at_least(found, needed) is expected


def test_everything_that_is_installed_here_is_fit():
    found = {one.name: one for one in every()}
    assert set(READING) <= set(found)
    assert [one.said.en for one in found.values() if not one.is_fit] == []
    require(*READING)


@pytest.mark.parametrize("name", [name for name in MINIMUMS if name != "libxml2"])
def test_an_older_one_is_a_fault_that_names_it_the_version_and_the_command(monkeypatch, name):
    older(monkeypatch, name, "1.0.7")
    with pytest.raises(Fault) as caught:
        require(name)
    needed = MINIMUMS[name]
    assert caught.value.in_words("fr").startswith(
        f"{name} 1.0.7 est trop ancien, il faut au moins {needed.version} ({needed.why}) ; pip install --upgrade "
    )
    assert f"{name} 1.0.7 is too old, at least {needed.version}" in caught.value.in_words("en")


def test_a_missing_one_is_a_fault_with_the_command(monkeypatch):
    older(monkeypatch, "saxonche", "")
    with pytest.raises(Fault) as caught:
        require(*READING)
    assert caught.value.in_words("fr") == (
        "saxonche n'est pas installé ; pip install --upgrade --force-reinstall 'saxonche>=13.1.1'"
    )


def test_the_libxml2_that_runs_counts_not_the_wheel_of_lxml(monkeypatch):
    from lxml import etree

    monkeypatch.setattr(etree, "LIBXML_VERSION", (2, 9, 14))
    with pytest.raises(Fault) as caught:
        require("lxml", "libxml2")
    said = caught.value.in_words("fr")
    assert said.startswith("libxml2 2.9.14 est trop ancien, il faut au moins 2.14.2")
    assert "'lxml>=6.1.3'" in said


def test_an_extra_that_is_not_installed_is_not_told_and_is_a_fault_where_it_is_used(monkeypatch):
    older(monkeypatch, "paramiko", "")
    assert "paramiko" not in {one.name for one in every()}
    with pytest.raises(Fault, match=r"pip install --upgrade 'chorus-edi\[sftp\]'"):
        require("paramiko")


def test_an_older_qpdf_opens_no_pdf(monkeypatch):
    import pikepdf

    from pipeline.validators import pdf_objects

    monkeypatch.setattr(pikepdf, "__libqpdf_version__", "11.9.0")
    pdf_objects.limit_qpdf.cache_clear()
    try:
        with pytest.raises(Fault, match=r"qpdf 11\.9\.0 is too old, at least 12\.3"):
            pdf_objects.limit_qpdf()
    finally:
        pdf_objects.limit_qpdf.cache_clear()


def test_nothing_heavy_is_imported_for_it():
    ask = (
        "import sys; from pipeline.adapters.dependencies import READING, require; require(*READING); "
        "print(sorted({'saxonche', 'pikepdf', 'xmlschema', 'paramiko', 'facturx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_project_pins_no_less_than_what_is_asked_for_at_the_start():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    pinned = dict(re.findall(r"^([a-z-]+)(?:\[[a-z]+\])?[>=]=([0-9.]+)", "\n".join(wanted), re.MULTILINE))
    pinned["apache-airflow-core"] = pinned["apache-airflow"]
    less = [name for name in MINIMUMS if name != "libxml2" and not at_least(pinned[name], MINIMUMS[name].version)]
    assert less == []


def test_the_page_knows_each_of_them():
    page = (ROOT / "docs/ops/dependencies.md").read_text(encoding="utf-8")
    for name, needed in MINIMUMS.items():
        assert re.search(
            rf"^\| {re.escape(name)} \| {re.escape(needed.version)} \| {re.escape(needed.why)}", page, re.MULTILINE
        )


def test_what_is_installed_is_read_once(monkeypatch):
    asked = []
    right = metadata.version
    monkeypatch.setattr(dependencies, "version", lambda name: asked.append(name) or right(name))
    assert installed("lxml") == installed("lxml") == Found("lxml", right("lxml"))
    assert asked == ["lxml"]
