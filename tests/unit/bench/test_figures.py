"""What the bench calls missed, and how it lines figures up."""

from bench.figures import Check, Figure, print_checks, print_figures


def test_a_figure_is_missed_when_its_median_is_above_the_target():
    assert Figure("stage", [1.0, 2.5, 9.0], "ms", 2.0).is_missed
    assert not Figure("stage", [1.0, 2.0, 9.0], "ms", 2.0).is_missed


def test_a_figure_without_a_target_is_never_missed():
    assert not Figure("stage", [1e9], "ms").is_missed


def test_missed_figures_say_so_and_columns_that_hold_nothing_are_left_out(capsys):
    print_figures("Title", [Figure("slow", [3.0], "s", 2.0), Figure("counted", [4.0], "s")])
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Title",
        "         median     target",
        "-------  ------  -  ------  ------",
        "slow       3.00  s    <= 2  MISSED",
        "counted    4.00  s",
    ]


def test_a_count_that_differs_is_missed(capsys):
    differs = Check("flows", "19", holds=False, expected="20")
    assert differs.is_missed
    print_checks("Counts", [differs])
    assert capsys.readouterr().out.splitlines()[-1] == "flows  19     20        MISSED"
