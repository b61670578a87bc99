"""Metrics, alerts and their pages agree: what is documented is what is exposed, every alert has its runbook."""

import ast
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline import runner, settings
from pipeline.cli.app import COMMANDS
from pipeline.running.ages import KINDS, step_of
from pipeline.running.alert import ALERTS, MOMENTS, STANDING
from pipeline.running.metrics import FAMILIES, PREFIX, metrics

ROOT = Path(__file__).parents[2]
OPS = ROOT / "docs/ops"
RUNBOOKS = {page.stem: page for page in sorted((OPS / "runbooks").glob("*.md"))}
SECTIONS = ("**Means**", "**Safe**", "**Look**", "**Mend**", "**Wake**")


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("metrics")
    with runner.open_home(path, settings.load(path)) as home:
        return metrics(home).decode()


# --- metrics ----------------------------------------------------------------------------------------------------------


def test_the_documented_table_is_what_is_exposed(exposed: str) -> None:
    rows = re.findall(rf"^\| `({PREFIX}\w+)` \| (.*?) ?\| (.*?) \|$", (OPS / "metrics.md").read_text("utf-8"), re.M)
    documented = {name: (re.findall(r"`(\w+)`", labels), text) for name, labels, text in rows}
    assert len(rows) == len(documented)
    families = {family.name: family for family in text_string_to_metric_families(exposed)}
    assert {name: text for name, (_, text) in documented.items()} == {n: f.documentation for n, f in families.items()}
    assert {name: tuple(labels) for name, (labels, _) in documented.items()} == {
        PREFIX + name: family.labels for name, family in FAMILIES.items()
    }


def test_each_sample_has_the_labels_of_its_family_and_names_carry_their_unit(exposed: str) -> None:
    for family in text_string_to_metric_families(exposed):
        assert family.type == "gauge"
        for sample in family.samples:
            assert set(sample.labels) == set(FAMILIES[family.name.removeprefix(PREFIX)].labels)
    units = re.compile(r"_(seconds|days|days_left|info|24h)$")
    counts = {
        "deposits", "invoices", "due_deposits", "faulted_deposits", "unsent_files", "leases", "ages_unread", "open_alerts",
        "untold_changes", "change_rows",
    }  # fmt: skip
    assert {name for name in FAMILIES if not units.search(name)} == counts


def test_an_empty_ledger_has_its_series_already_at_zero(exposed: str) -> None:
    for line in (
        'chorus_edi_deposits{state="quarantined"} 0.0',
        'chorus_edi_invoices{state="pending"} 0.0',
        'chorus_edi_unsent_files{kind="CSO"} 0.0',
        'chorus_edi_leases{state="expired"} 0.0',
        'chorus_edi_change_rows{lane="statuses",outcome="kept"} 0.0',
        'chorus_edi_open_alerts{alert="quarantine"} 0.0',
        "chorus_edi_oldest_unsent_report_seconds 0.0",
    ):
        assert f"\n{line}\n" in exposed


# --- alerts and runbooks ----------------------------------------------------------------------------------------------


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    assert set(RUNBOOKS) == ALERTS
    assert not STANDING & MOMENTS
    listed = set(re.findall(r"^\| \[([a-z-]+)\]\(runbooks/\1\.md\) \|", (OPS / "alerts.md").read_text("utf-8"), re.M))
    assert listed == ALERTS


def test_every_age_has_an_alert_of_its_own() -> None:
    told = [kind.alert for kind in KINDS.values()]
    assert len(set(told)) == len(told)
    assert set(told) <= STANDING


def test_the_alerts_that_the_code_and_the_dags_tell_exist() -> None:
    """The names given to `alert` and to `Key` as literals, or as a constant of the same file."""
    named = set()
    for path in [*(ROOT / "pipeline/running").glob("*.py"), *(ROOT / "dags").rglob("*.py")]:
        tree = ast.parse(path.read_text("utf-8"))
        constants = {
            target.id: node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if not isinstance(call.func, ast.Name | ast.Attribute):
                continue
            called = call.func.id if isinstance(call.func, ast.Name) else call.func.attr
            given = call.args[1:2] if called == "alert" else call.args[:1] if called == "Key" else []
            for name in given:
                named.add(name.value if isinstance(name, ast.Constant) else constants.get(getattr(name, "id", "")))
    assert {"quarantine", "held-too-long", "oldest-due-late", "reports-unsent"} <= named
    assert named - {None, "test"} <= ALERTS


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_runbook_says_what_it_means_what_is_safe_and_what_to_do(name: str) -> None:
    text = RUNBOOKS[name].read_text("utf-8")
    assert text.startswith(f"# {name}\n")
    places = [text.find(section) for section in SECTIONS]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize(
    "page", [*RUNBOOKS.values(), OPS / "alerts.md", OPS / "metrics.md"], ids=lambda page: page.stem
)
def test_the_commands_and_links_of_a_page_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    assert set(re.findall(r"chorus-edi\s([a-z][a-z-]+)", text)) <= set(COMMANDS)
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", RUNBOOKS.values(), ids=lambda page: page.stem)
def test_the_settings_that_a_runbook_names_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for table, name in re.findall(r"`(watch|reference_data|ages|remotes|alerts)\.(\w+)`", text):
        if table != "remotes":
            assert hasattr(getattr(settings.Settings(), table), name), f"{table}.{name}"
    for name in re.findall(r"`\[ages\]\s(\w+)`", text):
        assert name in settings.Ages.model_fields


def test_the_settings_shown_load(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", (OPS / "alerts.md").read_text("utf-8"), re.S)
    assert len(examples) == 2
    (tmp_path / "settings.toml").write_text("\n".join(examples), "utf-8")
    loaded = settings.load(tmp_path)
    assert loaded.alerts.command
    assert loaded.ages.passwords
    assert loaded.remotes["DEF002"].key_made is not None


# --- steps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "warn", "life", "step"),
    [
        (31, (30, 14, 7, 1), 730, None),
        (30, (30, 14, 7, 1), 730, 30),
        (15, (30, 14, 7, 1), 730, 30),
        (14, (1, 7, 14, 30), 730, 14),
        (1, (30, 14, 7, 1), 730, 1),
        (0, (30, 14, 7, 1), 730, 1),
        (8, (30, 14, 7, 1), 8, None),  # 30, 14 and 7 say nothing of what lives for eight days
        (2, (30, 14, 7, 1), 8, None),
        (1, (30, 14, 7, 1), 8, 1),
        (60, (60, 30), 424, 60),
        (3, (), 730, None),
    ],
)
def test_the_step_is_the_smallest_that_was_reached(
    left: int, warn: tuple[int, ...], life: int, step: int | None
) -> None:
    assert step_of(left, warn, life) == step
