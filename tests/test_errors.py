"""Errors say where, what, and what to do; and stay readable."""

import importlib
import pickle
import pkgutil

import zerokd
from zerokd.errors import (
    MAX_QUOTED_WIDTH,
    DataError,
    Place,
    Problem,
    RecipeError,
    StoppedError,
    ZerokdError,
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


def error_types():
    """ZerokdError and all of its subclasses, in whichever module of zerokd they are."""
    for module in pkgutil.walk_packages(zerokd.__path__, "zerokd."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    types = [ZerokdError]
    for error_type in types:
        types += error_type.__subclasses__()
    return types


def test_every_error_is_built_from_problems_and_survives_a_place_a_merge_and_a_pickle():
    place, types = Place("a.toml", 1, 1), error_types()
    assert len(types) >= 14
    for error_type in types:
        error = error_type("one", Problem("two", hints=("three",), cause=RuntimeError(lambda: 0)))
        error.detail = {"more": 1}
        placed = error.with_place(place)
        copies = (error, placed, combine_errors([error, error]), pickle.loads(pickle.dumps(error)))
        assert [problem.place for problem in error.problems] == [None, None]
        assert [problem.place for problem in placed.problems] == [place, place]
        for copy in copies:
            assert type(copy) is error_type
            assert [problem.message for problem in copy.problems] == ["one", "two"]
            assert {problem.code for problem in copy.problems} == {error_type.code}
            assert (copy.exit_code, copy.detail) == (error_type.exit_code, error.detail)
        assert str(copies[-1]) == str(error)


def test_the_errors_of_every_room_are_public():
    names = {error_type.__name__ for error_type in error_types() if error_type.__module__ == "zerokd.errors"}
    assert names <= set(zerokd.__all__)


def test_the_exit_code_of_a_stopped_run_names_the_signal():
    error = StoppedError("stopped")
    assert error.with_signal(15).exit_code == 143
    assert error.exit_code == 130
    copies = error.with_signal(15).with_place(Place("a")), pickle.loads(pickle.dumps(error.with_signal(15)))
    assert [copy.exit_code for copy in copies] == [143, 143]


def test_the_nearest_name_else_what_is_known():
    assert did_you_mean("alhpa", ["alpha", "beta"]) == ("did you mean 'alpha'?",)
    assert did_you_mean("zzz", ["beta", "alpha"]) == ("known: alpha, beta",)
    assert did_you_mean("zzz", [f"n{i}" for i in range(20)])[0].endswith("(20 names)")
    assert did_you_mean("zzz", [], "see there") == ("none available  see there",)


def test_a_character_that_is_no_ascii_is_named_once():
    hint = "'\u0430' is CYRILLIC SMALL LETTER A (U+0430)"
    assert did_you_mean("\u0430lph\u0430", ["alpha"]) == ("did you mean 'alpha'?", hint)
    assert describe_non_ascii("alpha") == ()
    assert describe_non_ascii("\ue000") == (r"'\ue000' is unnamed (U+E000)",)
    assert len(describe_non_ascii("\u0430\u0431\u0432\u0433")) == 3


def test_errors_are_combined_and_a_mistake_in_the_recipe_decides():
    first, second = Problem("one"), Problem("two")
    both = combine_errors([DataError(first), RecipeError(second, first)])
    assert (type(both), both.problems) == (RecipeError, (first, second))
    assert combine_errors([DataError(first), DataError(second)]).exit_code == 3


def test_a_name_is_printed_as_one_harmless_line():
    assert escape_unprintable("ünï code.jpg") == "ünï code.jpg"
    assert escape_unprintable("a\nb\x1b[31m.jpg") == "a\\nb\\x1b[31m.jpg"
