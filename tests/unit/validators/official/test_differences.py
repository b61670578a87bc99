"""What two engines do not agree on: sets of rules, flags and places, in a sentence that quotes no document."""

from pipeline.ports import Hit, RulesRan
from pipeline.validators.official.differences import Differing, differences


def hit(rule: str, *, location: str = "/Invoice[1]", flag: str = "fatal", text: str = "what it says") -> Hit:
    return Hit(rule, flag, location, text, False)


def test_the_same_hits_in_another_order_or_in_other_words_are_no_difference() -> None:
    one = RulesRan((hit("BR-1"), hit("BR-2"), hit("BR-2")))
    other = RulesRan((hit("BR-2", text="other words"), hit("BR-1")))
    assert differences(one, other) is None
    assert differences(RulesRan(()), RulesRan(())) is None


def test_rule_flag_and_place_each_make_a_difference() -> None:
    one = RulesRan((hit("BR-1"),))
    for other in (hit("BR-9"), hit("BR-1", flag="warning"), hit("BR-1", location="/Invoice[2]")):
        found = differences(one, RulesRan((other,)))
        assert found == Differing((("BR-1", "fatal", "/Invoice[1]"),), ((other.id, other.flag, other.location),))
    assert differences(one, RulesRan(())) == Differing((("BR-1", "fatal", "/Invoice[1]"),), ())


def test_two_engines_that_stop_agree_whatever_their_words_and_one_that_stops_alone_does_not() -> None:
    assert differences(RulesRan((), "a bad date"), RulesRan((), "no such date")) is None
    assert differences(RulesRan((), "a bad date"), RulesRan(())) == Differing((), (), "saxon")
    assert differences(RulesRan(()), RulesRan((), "too rare")) == Differing((), (), "compiled")


def test_the_sentence_tells_how_many_and_the_first_of_them_and_never_a_text() -> None:
    found = differences(RulesRan(tuple(hit(f"BR-{n}", text="SECRET") for n in range(8))), RulesRan(()))
    assert found is not None
    said = found.told()
    assert said.fr.startswith("saxon seul dit 8 (BR-0 fatal /Invoice[1], BR-1 fatal ")
    assert said.fr.endswith(", ...), compiled seul dit rien")
    assert said.en.endswith(", compiled alone nothing")
    assert "SECRET" not in said.fr + said.en
    assert Differing((), (), "saxon").told().fr == "une valeur arrête saxon et pas l'autre moteur"
