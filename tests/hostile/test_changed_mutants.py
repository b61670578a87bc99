"""Mutants of files of changes: the seeds apply, and the other readers see what a blind product would put in force."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from bench.fuzz import cells, change_seeds, changes_again, entries, rows_again, tables_again
from bench.fuzz.batch import Batch, Progress
from bench.fuzz.change_seeds import ChangeSeed
from bench.fuzz.mutants import CHANGES_CSV, CHANGES_XML, FAMILIES, Mutant
from bench.fuzz.product import Judged, Product
from bench.fuzz.stands import NOON, NOTHING, OF_ANOTHER, STANDS, Done, Lane
from bench.fuzz.state import State
from bench.fuzz.worker import Worker
from fixtures.batch import archive
from fixtures.change_cases import AVAILABLE
from fixtures.reference import SERVICES

SEEDS = {one.name.rpartition("_")[2][10:].rstrip("0123456789"): one for one in change_seeds.every()}
Rows = tuple[Done, ...]


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product() as opened:
        yield opened


def mutant(seed: ChangeSeed, old: bytes = b"", new: bytes = b"") -> Mutant:
    """A seed, and one thing changed in the file that tells its changes."""
    held = list(seed.members)
    assert old in held[max(seed.rank, 0)][1]
    held[max(seed.rank, 0)] = held[max(seed.rank, 0)][0], held[max(seed.rank, 0)][1].replace(old, new, 1)
    document = archive(iter(held)) if seed.is_archive else held[0][1]
    return Mutant(1, CHANGES_XML, seed.name, document, seed.partner)


def spoken(product: Product, made: Mutant, folder: Path) -> list[str]:
    """What a worker calls wrong about one file."""
    return list(Worker(1, product, Progress(folder / "progress"))._try(made, Batch()))


# --- seeds and mutators -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
def test_the_seeds_apply_and_the_others_read_them_as_the_product_does(
    product: Product, seed: ChangeSeed, tmp_path: Path
) -> None:
    judged = product.judge(mutant(seed))
    assert (judged.state, judged.refused_by, len(judged.rows) > 0) == ("IN_INTEGRE", (), True)
    assert spoken(product, mutant(seed), tmp_path) == []


def test_the_seeds_are_of_every_kind(product: Product) -> None:
    """A family of each form; among the seeds every action, and each thing that may become of an entry."""
    assert {CHANGES_XML, CHANGES_CSV} <= set(FAMILIES)
    rows = [row for seed in SEEDS.values() for row in product.judge(mutant(seed)).rows]
    assert {row.outcome for row in rows} == {"applied", "kept", "repeated"}
    for name in ("routed", "handled", "control"):
        assert any(getattr(row, name) for row in rows), name
    assert any(row.added and row.added[1:] for row in rows)
    assert {step.status for row in rows for step in row.steps} >= {1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12}


@pytest.mark.parametrize("document", [b"", b"x", b"\xef\xbb\xbfaction;numero\r\n", b"a;b\r\n1;2\r\n"])
def test_no_table_is_too_small_to_be_spoiled(document: bytes) -> None:
    made = {cells.spoiled(document, Random(number)) for number in range(300)}
    assert len(made) > 1
    assert made == {cells.spoiled(document, Random(number)) for number in range(300)}


def test_spoiled_entries_are_most_often_read(product: Product) -> None:
    """They reach what is behind the schema: at least half of them have rows, a third of those one that is refused."""
    seed = SEEDS["FUZZ"]
    made = [entries.spoiled(seed.members[0][1], Random(number)) for number in range(60)]
    rows = [product.judge(replace(mutant(seed), document=one)).rows for one in made]
    read = [some for some in rows if some]
    assert len(read) > 30
    assert sum(any(row.outcome == "refused" for row in some) for some in read) > len(read) // 3
    assert entries.spoiled(b"<a/>", Random(1)) == b"<a/>"


# --- what the others see: each on a planted mistake --------------------------------------------------------------------


class Blind(Product):
    """A product that does what it is told, whatever the bytes are."""

    def __init__(self, seen: Judged, rows: Rows) -> None:
        self.seen = replace(seen, rows=rows)

    def judge(self, _: Mutant) -> Judged:
        return self.seen


def row(number: int, **changed: object) -> Callable[[Rows], Rows]:
    """The rows with one of them otherwise."""
    return lambda rows: tuple(replace(one, **changed) if n == number else one for n, one in enumerate(rows))  # type: ignore[arg-type]


def step(number: int, **changed: object) -> Callable[[Rows], Rows]:
    """The rows with the first step of one of them otherwise."""

    def change(rows: Rows) -> Rows:
        steps = (replace(rows[number].steps[0], **changed), *rows[number].steps[1:])  # type: ignore[arg-type]
        return row(number, steps=steps)(rows)

    return change


def handled(**changed: object) -> Callable[[Rows], Rows]:
    return lambda rows: (replace(rows[0], handled=replace(rows[0].handled, **changed)),)  # type: ignore[type-var]


def control(**changed: object) -> Callable[[Rows], Rows]:
    return lambda rows: (replace(rows[0], control=replace(rows[0].control, **changed)),)  # type: ignore[type-var]


def same(rows: Rows) -> Rows:
    return rows


# the seed, what its file says otherwise, what the product does otherwise, what is told
Planted = tuple[str, tuple[str, str], Callable[[Rows], Rows], str]
NO = ("", "")
LATER = NOON + timedelta(seconds=31)
PAIR = ("DSI", "VOIRIE")
PLANTED: dict[str, Planted] = {
    "another status": ("FUZZ", NO, step(3, status=8), "7 is told"),
    "an arrow that is none": ("FUZZ", ("<IdStatut>07<", "<IdStatut>12<"), step(3, status=12), "03 becomes 12"),
    "an arrow of somebody else": ("FUZZ", NO, step(3, actor="supplier"), "03 becomes 07 by the supplier"),
    "an arrow from where it stood before": ("FUZZ", ("<IdStatut>08<", "<IdStatut>04<"), step(4, status=4), "07 becomes 04"),
    "another moment": ("FUZZ", NO, step(3, at=NOON - timedelta(hours=1)), "it moves at"),
    "the future": ("FUZZ", ("12:00:00+01:00</Horodatage>", "12:00:31+01:00</Horodatage>"), step(0, at=LATER), "is in the future"),
    "before the last change": ("FUZZ", ("20T11:59:00", "20T11:54:59"), same, "it stands since"),
    "no reason": ("FUZZ", ("<ComplementStatut>JUSTIF_ABS</ComplementStatut>", ""), step(1, reason=""), "without a reason"),
    "another reason": ("FUZZ", NO, step(1, reason="SE_ERR"), "reason 'SE_ERR'"),
    "a mandate that none gave": ("FUZZ", NO, step(3, mandate="M"), "mandate 'M'"),
    "another invoice": ("FUZZ", (">FX CYCLE/4<", f">{AVAILABLE}<"), same, "is named"),
    "an invoice of another recipient": ("FUZZ", (">FX CYCLE/4<", f">{OF_ANOTHER}<"), same, "0 invoices of RCV001"),
    "an invoice of another year": ("FUZZ", ("2025-11-03", "2024-11-03"), same, "0 invoices of RCV001"),
    "several invoices": ("FUZZ", ("<DateFacture>2025-11-03</DateFacture>", ""), same, "2 invoices of RCV001"),
    "a labelled status is kept": ("FUZZ", ("<IdStatut>13<", "<IdStatut>09<"), row(9, event=(9, NOON, "Sans libellé")), "9 is kept"),
    "a repetition of nothing": ("FUZZ", ("<IdStatut>11<", "<IdStatut>10<"), row(5, outcome="repeated", steps=()), "is not in its past"),
    "a refused row changes something": ("FUZZ", NO, row(3, outcome="refused"), "and it changes something"),
    "a row is lost": ("FUZZ", NO, lambda rows: rows[1:], "12 rows were read, 13 stand there"),
    "the schema": ("FUZZ", ("</DonneesStatut>", "<X/></DonneesStatut>"), same, "the schema: "),
    "half of a file": ("FUZZ", ("</CPPStatut>", ""), same, "ParseError"),
    "another recipient": ("RECYCLER", NO, row(0, routed=("12345678200051", "DSI", "")), "is asked"),
    "another service": ("RECYCLER", NO, row(0, routed=(SERVICES.siret, "DRH", "")), "is asked"),
    "a service is forgotten": ("RECYCLER", NO, row(0, routed=(SERVICES.siret, "", "")), "is asked"),
    "a service that wants a commitment": ("RECYCLER", PAIR, row(0, routed=(SERVICES.siret, "VOIRIE", "")), "wants a commitment"),
    "a closed service": ("RECYCLER", ("DSI", "ANCIEN"), row(0, routed=(SERVICES.siret, "ANCIEN", "")), "no service that"),
    "a recycle without its steps": ("RECYCLER", NO, step(0, status=3), "is recycled by [3, 2, 3]"),
    "a recycle of what stands elsewhere": ("RECYCLER", ("FX CYCLE/1;", "FX CYCLE/5;"), same, "06 is recycled"),
    "a recycle of another issuer's": ("RECYCLER", ("FX CYCLE/1;", f"{OF_ANOTHER};"), same, "0 invoices of XXX999"),
    "a recycle with a reason": ("RECYCLER", ("métropole;", "métropole;AUTRE"), same, "with ['reason']"),
    "another action": ("RECYCLER", ("recycler", "completer"), same, "'completer' with"),
    "another file": ("COMPLETE", NO, row(0, added=(("livraison.pdf", "0" * 64),)), "are added"),
    "a file that is not there": ("COMPLETE", ("livraison.pdf", "absente.pdf"), same, "are added"),
    "a file is forgotten": ("TOUTA", NO, lambda rows: row(0, added=rows[0].added[:1])(rows), "are added"),
    "completed with nothing": ("TOUTES", ("Signé le 12", ""), step(3, comment=""), "completed with nothing"),
    "amounts that do not cancel": ("REJET", ("FX CYCLE/3-A", AVAILABLE), handled(credit_note=AVAILABLE), "leaves 240.00"),
    "a corrective that is rejected": ("REJET", ("FX CYCLE/3-B", "FX CYCLE/7"), handled(corrective="FX CYCLE/7"), "replaces"),
    "a credit note of another issuer": ("REJET", ("FX CYCLE/3-A", OF_ANOTHER), handled(credit_note=OF_ANOTHER), "are not of"),
    "a handling without a reason": ("REJET", ("Avoir et nouvelle facture", ""), same, "the reason is None"),
    "quotes that do not close": ("REJET", ("traiter-rejet", '"traiter-rejet'), same, "ValueError: a quote"),
    "another total": ("CONTROLE", NO, control(total="1.00"), "1.00 was read"),
    "another digest": ("CONTROLE", NO, control(sha256="0" * 64), "is told"),
    "another count": ("CONTROLE", NO, control(invoices=11), "11 invoices were read"),
    "a flow that nobody named": ("CONTROLE", NO, control(flow="F"), "is told"),
    "a control row that moves something": ("CONTROLE", NO, row(0, routed=("", "", "")), "of a control row"),
}  # fmt: skip


@pytest.mark.parametrize(("word", "said", "change", "told"), PLANTED.values(), ids=PLANTED)
def test_what_a_blind_product_would_put_in_force_is_seen(
    product: Product, tmp_path: Path, word: str, said: tuple[str, str], change: Callable[[Rows], Rows], told: str
) -> None:
    seed = SEEDS[word]
    seen = product.judge(mutant(seed))
    changed = mutant(seed, said[0].encode(), said[1].encode())
    blind = Blind(replace(seen, members=product.judge(changed).members), change(seen.rows))
    wrong = spoken(blind, changed, tmp_path)
    assert any(told in one for one in wrong), wrong


def test_a_reject_is_handled_once(product: Product) -> None:
    """The same row twice: the second one repeats the first, and says no other pair."""
    seed = SEEDS["REJET"]
    [first] = product.judge(mutant(seed)).rows
    [told] = changes_again.read(Lane.ACTIONS, seed.members[0][1])
    repeated = replace(first, outcome="repeated", handled=None)

    def said(second: Done, second_told: changes_again.Told) -> list[str]:
        book = rows_again.Book(Lane.ACTIONS, seed.partner, STANDS[Lane.ACTIONS], {})
        return [*book.wrong(first, told), *book.wrong(second, second_told)]

    assert said(repeated, told) == []
    assert said(first, told)[0] == "handled twice"
    assert "handled again as" in said(repeated, {**told, "credit_note": ""})[0]


# --- the other readers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "cells_"),
    [
        (b"A;\xc3\xa9B\r\n1;2\r\n\r\n;;\r\n3", [{"a": "1", "eb": "2"}, {"a": "3"}]),
        (b'sep=,\n"a","b"\n"1,5","x""y"', [{"a": "1,5", "b": 'x"y'}]),
        ("a\tb\r1\t\u00a0 \r".encode("utf-16"), [{"a": "1"}]),
        ("a;b\né;'=1".encode("cp1252"), [{"a": "é", "b": "'=1"}]),
        (b'a;b\n"1\n2";3;4', [{"a": "1\n2", "b": "3", "": "4"}]),
        (b'a\nx"y"', [{"a": 'x"y"'}]),
    ],
)
def test_a_table_is_read_again_as_it_was_written(document: bytes, cells_: list[dict[str, str]]) -> None:
    assert tables_again.rows_of(document, {"a": "a", "b": "b", "eb": "eb"}) == cells_


@pytest.mark.parametrize("document", [b"", b'a;b\n"1;2', b'a;b\n"1"2;3', b"a;A\n1;2"])
def test_a_doubtful_table_is_read_by_nobody(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"quote|twice|header"):
        tables_again.rows_of(document, {"a": "a", "b": "b"})


def test_moments_days_and_amounts_are_read_again() -> None:
    assert changes_again.moment("2026-11-20T12:00:00") == changes_again.moment("2026-11-20T11:00:00Z") == NOON
    assert changes_again.moment("2026-11-19T24:00:00-11:00") == NOON
    assert changes_again.day("2026-11-02+14:00") == changes_again.day("02/11/2026") == "2026-11-02"
    assert changes_again.total_of("\u22121\u202f234,50 €") == Decimal("-1234.50")
    assert [changes_again.total_of(one) for one in ("1.234,50", "+-5", "1e3", "")] == [None] * 4
    for text in ("2026-11-20", "2026-11-20T25:00:00Z", "12026-11-20T11:00:00Z"):
        with pytest.raises(ValueError, match=r"moment|hour"):
            changes_again.moment(text)


# --- mutants that were wrong, and are told by a rule since then --------------------------------------------------------

ONCE_ACCEPTED = {
    "two statuses in one entry": ("STATUTS", "<IdStatut>07</IdStatut>", "<IdStatut>07</IdStatut><IdStatut>05</IdStatut>", "XML-010"),
    "a status in another place": ("STATUTS", "<RaisonSociale>", "<IdStatut>05</IdStatut><RaisonSociale>", "XML-010"),
    "an element in a status": ("STATUTS", "<IdStatut>07<", "<IdStatut>07<b/><", "XML-010"),
    "an attribute of a status": ("STATUTS", "<IdStatut>07<", '<IdStatut x="05">07<', "XML-010"),
    "a day of another year, with its zone": ("FUZZ", "2025-11-03</DateFacture>", "2024-11-03Z</DateFacture>", "LFC-008"),
    "a day that no calendar of ours holds": ("FUZZ", "2025-11-03</DateFacture>", "12025-11-03</DateFacture>", "LFC-008"),
    "an amount with two signs": ("PLUSIEURS", ";1;1 234,50;", ";1;+-1 234,50;", "AMT-001"),
}  # fmt: skip


@pytest.mark.parametrize(("word", "old", "new", "rule"), ONCE_ACCEPTED.values(), ids=ONCE_ACCEPTED)
def test_what_was_once_put_in_force_is_refused(product: Product, word: str, old: str, new: str, rule: str) -> None:
    judged = product.judge(mutant(SEEDS[word], old.encode(), new.encode()))
    assert judged.refused_by == (rule,)


def test_a_day_with_its_zone_is_that_day(product: Product) -> None:
    made = mutant(SEEDS["FUZZ"], b"2025-11-03</DateFacture>", b"2025-11-03+01:00</DateFacture>")
    assert product.judge(made).refused_by == ()


# --- where no invoice is known, and where the families are others ------------------------------------------------------


def test_where_no_invoice_is_known_only_control_files_apply() -> None:
    with Product(NOTHING) as nothing_known:
        judged = {word: nothing_known.judge(mutant(seed)) for word, seed in SEEDS.items()}
    assert {word for word, one in judged.items() if one.is_accepted} == {"CONTROLE", "PLUSIEURS"}
    assert {one.refused_by for one in judged.values()} == {(), ("LFC-008",)}


def test_a_campaign_begins_anew_when_the_families_are_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    first = State.opened(path, 1, 20)
    first.done.add(0)
    first.tried["xml bytes"] += 20
    first.save()
    assert (State.opened(path, 1, 20).done, State.opened(path, 1, 20).tried) == ({0}, {"xml bytes": 20})
    others = {**FAMILIES, "xml bytes": FAMILIES["xml bytes"] - 1, "something": 1}
    for families in (others, dict(reversed(FAMILIES.items()))):  # the order counts too: a random number picks one
        monkeypatch.setattr("bench.fuzz.state.FAMILIES", families)
        assert (State.opened(path, 1, 20).done, sum(State.opened(path, 1, 20).tried.values())) == (set(), 0)
