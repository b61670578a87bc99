"""When two engines said the same of a document, and when they did not."""

from bench.race.verdicts import Verdict, differences, read, usable

TOTAL = ("BR-CO-15", "fatal", "/*:Invoice[namespace-uri()='urn:x'][1]/*:ID[namespace-uri()='urn:x'][2]")
SELLER = ("BR-06", "warning", "/a[1]")


def ok(*hits: tuple[str, str, str]) -> Verdict:
    return Verdict("ok", frozenset(hits))


def test_an_answer_is_read_as_it_was_written():
    assert read("ok\x1eBR-06\x1fwarning\x1f/a[1]\x1dstopped\x1dok") == [ok(SELLER), Verdict("stopped"), ok()]


def test_an_id_that_we_made_for_a_nameless_report_is_no_difference():
    ours, theirs = (read(f"ok\x1e{id}\x1f\x1f/a[1]")[0] for id in ("facturx-en16931#12", ""))
    assert ours == theirs
    assert read("ok\x1eBR-06\x1f\x1f/a[1]")[0] != ours


def test_a_document_that_one_engine_cannot_take_is_left_out_for_all():
    said = {
        "ours": [ok(), ok(), ok()],
        "jvm": [ok(), Verdict("stopped"), ok()],
        "other": [Verdict("refused"), ok(), ok()],
    }
    assert usable(said, 3) == [2]


def test_another_place_and_another_flag_are_differences():
    elsewhere, softer = ("BR-06", "warning", "/a[2]"), ("BR-06", "fatal", "/a[1]")
    assert differences({"ours": [ok(SELLER)], "jvm": [ok(SELLER)]}, [0]) == []
    for other in (elsewhere, softer):
        assert len(differences({"ours": [ok(SELLER)], "jvm": [ok(other)]}, [0])) == 1


def test_a_difference_names_the_document_the_rule_and_a_place_that_people_can_read():
    assert differences({"ours": [ok(), ok(TOTAL)], "jvm": [ok(), ok()]}, [0, 1]) == [
        "document 1: BR-CO-15 at /Invoice[1]/ID[2] by ours only, nothing by jvm only"
    ]


def test_of_an_engine_that_writes_places_of_its_own_the_rules_are_compared():
    said = {"ours": [ok(SELLER)], "eu": [ok(("BR-06", "error", "a"))]}
    assert differences(said, [0], frozenset({"eu"})) == []
    said["eu"] = [ok(("BR-07", "error", "a"))]
    assert differences(said, [0], frozenset({"eu"})) == ["document 0: BR-06 by ours only, BR-07 by eu only"]


def test_documents_that_were_left_out_are_not_compared():
    assert differences({"ours": [ok(SELLER), ok()], "jvm": [ok(), ok()]}, [1]) == []
