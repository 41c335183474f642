"""The table of a paper: what is best, what is not ranked, and what the numbers depend on."""

import json
from math import nan

from attrs import evolve

from tests.student.evaluate.test_tables import evaluation
from zerokd._version import __version__
from zerokd.describe.comparison_table import BEST, SECOND, EvaluationRecord, build_comparison_table, rank_values
from zerokd.files.record import parse_record
from zerokd.student.evaluate.methods import BASELINE_NAMES


def comparison(mine=13.5, **facts):
    """A student with this PSNR beside baselines of 10 to 14 dB."""
    evaluated = evaluation(mine)
    *baselines, student = evaluated.methods
    evaluated.methods = (*baselines, evolve(student, digest="0123456789abcdef", facts=facts))
    evaluated.command = "zerokd evaluate low"
    return build(evaluated)


def build(evaluated):
    return build_comparison_table(parse_record(EvaluationRecord, json.dumps(evaluated.as_json())))


def column(table, title, group="reference"):
    return next(column for column in table.columns if (column.group, column.title) == (group, title))


def test_the_best_and_the_second_best_of_both_directions():
    assert rank_values({"a": "1.0", "b": "3.0", "c": "2.0"}, "higher") == {"b": BEST, "c": SECOND}
    assert rank_values({"a": "1.0", "b": "3.0", "c": "2.0"}, "lower") == {"a": BEST, "c": SECOND}
    assert rank_values({"a": "1.0", "b": "3.0"}, "") == {}


def test_numbers_that_read_equal_are_equally_good():
    assert rank_values({"a": "9.50", "b": "10.00", "c": "10.00"}, "higher") == {"b": BEST, "c": BEST, "a": SECOND}
    assert rank_values({"a": "0.000", "b": "0.000"}, "lower") == {}


def test_the_input_is_not_ranked():
    assert rank_values({"input": "0", "a": "1", "b": "2"}, "lower") == {"a": BEST, "b": SECOND}


def test_a_baseline_that_beats_the_student_is_the_best():
    ranks = column(comparison(13.5), "PSNR").ranks
    assert ranks == {"exposed curve + 3x3": BEST, "mine": SECOND}
    assert column(comparison(14.5), "PSNR").ranks == {"mine": BEST, "exposed curve + 3x3": SECOND}


def test_baselines_are_apart_and_costs_belong_to_models():
    table = comparison()
    assert table.sections == (("without training", BASELINE_NAMES), ("trained", ("mine",)))
    assert column(table, "parameters", "cost").cells == {"mine": "161"}
    assert column(table, "MACs/pixel", "cost").cells == {"mine": "139"}


def test_a_value_that_is_no_number_is_absent():
    assert "mine" not in column(comparison(nan), "PSNR").cells


def test_the_teacher_has_no_distance_to_itself():
    evaluated = evaluation(13.5)
    evaluated.teacher = "mine"
    table = build(evaluated)
    assert "mine" not in column(table, "PSNR", "teacher").cells
    assert "mine" in column(table, "PSNR").cells


def test_seeds_versions_and_the_command():
    table = comparison(recipe="paper", seed=7)
    notes = "\n".join(table.notes)
    assert "mine: recipe paper, seed 7, SHA-256 0123456789ab." in notes
    assert f"zerokd {__version__}, PyTorch " in notes
    assert table.command == "zerokd evaluate low"
    assert "mine: weights without a record of their training" in "\n".join(comparison().notes)


def test_photos_without_a_number_are_counted():
    evaluated = evaluation(13.5)
    evaluated.failures["b.png"] = "not an image"
    table = build(evaluated)
    assert (table.caption, "Without 1 photo that could not be measured." in table.notes) == ("Mean over 1 photo", True)
