"""Errors say where, what, and what to do; and stay readable."""

from zerokd.errors import (
    MAX_QUOTED_WIDTH,
    DataError,
    Place,
    Problem,
    RecipeError,
    combine_errors,
    describe_non_ascii,
    did_you_mean,
    escape_unprintable,
)


def test_a_problem_reads_as_designed():
    place = Place("recipes/x.toml", 31, 7, 'use = "multi_region_exposur"')
    problem = Problem("unknown loss 'multi_region_exposur'", place, ("did you mean 'multi_region_exposure'?",))
    assert str(problem).splitlines() == [
        "recipes/x.toml:31:7: unknown loss 'multi_region_exposur'",
        '  31 | use = "multi_region_exposur"',
        "     |       ^",
        "  did you mean 'multi_region_exposure'?",
    ]


def test_the_caret_stands_under_its_column_in_a_very_long_line_too():
    text = "x" * 500 + "HERE" + "y" * 500
    quote = Place("a.toml", 1, 501, text).quote()
    assert quote[0][quote[1].index("^") :].startswith("HERE")
    assert max(map(len, quote)) <= MAX_QUOTED_WIDTH + 10


def test_control_characters_of_a_recipe_never_reach_the_terminal():
    assert "\x1b" not in "".join(Place("a.toml", 1, 1, "a\x1b[31mred").quote())


def test_a_place_without_a_line_is_its_name():
    assert str(Problem("wrong", Place("--set a=1"))) == "--set a=1: wrong"


def test_an_error_carries_all_problems():
    error = RecipeError("one", Problem("two"))
    assert [problem.message for problem in error.problems] == ["one", "two"]
    assert str(error) == "one\ntwo"
    assert error.exit_code == 2


def test_a_problem_without_a_place_can_be_given_one():
    here, there = Place("a.toml", 1, 1), Place("b.toml", 2, 2)
    error = DataError("one", Problem("two", there)).with_place(here)
    assert [problem.place for problem in error.problems] == [here, there]
    assert type(error) is DataError


def test_the_nearest_name_else_what_is_known():
    assert did_you_mean("alhpa", ["alpha", "beta"]) == ("did you mean 'alpha'?",)
    assert did_you_mean("zzz", ["beta", "alpha"]) == ("known: alpha, beta",)
    assert did_you_mean("zzz", [f"n{i}" for i in range(20)])[0].endswith("(20 in all)")
    assert did_you_mean("zzz", [], "see there") == ("none is known  see there",)


def test_a_character_that_is_no_ascii_is_named_once():
    odd = "'\u0430' is CYRILLIC SMALL LETTER A (U+0430)"
    assert did_you_mean("\u0430lph\u0430", ["alpha"]) == ("did you mean 'alpha'?", odd)
    assert describe_non_ascii("alpha") == ()
    assert describe_non_ascii("\ue000") == (r"'\ue000' is unnamed (U+E000)",)
    assert len(describe_non_ascii("\u0430\u0431\u0432\u0433")) == 3


def test_errors_are_combined_and_a_mistake_in_the_recipe_decides():
    one, two = Problem("one"), Problem("two")
    both = combine_errors([DataError(one), RecipeError(two, one)])
    assert (type(both), both.problems) == (RecipeError, (one, two))
    assert combine_errors([DataError(one), DataError(two)]).exit_code == 3


def test_a_name_is_printed_as_one_harmless_line():
    assert escape_unprintable("ünï code.jpg") == "ünï code.jpg"
    assert escape_unprintable("a\nb\x1b[31m.jpg") == "a\\nb\\x1b[31m.jpg"
