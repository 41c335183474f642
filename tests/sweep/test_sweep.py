"""Sweeps from end to end, in one process."""

import json
import math

import pytest

from tests.sweep.small import CATALOGUE, document
from zerokd.errors import OutputError, RecipeError
from zerokd.sweep.search_space import Choice, NumericRange
from zerokd.sweep.sweep import SweepOptions, enumerate_points, load_results, run_sweep


def sweep(out, options, *settings, **more):
    lines = []
    return run_sweep(document(*settings), CATALOGUE, options, out, None, "cpu", lines.append, **more), lines


def test_a_grid_shares_stage_one_and_writes_its_best(tmp_path):
    results, lines = sweep(tmp_path, SweepOptions(grid=("alpha=0.3,0.4", "beta=0.1,0.65")))
    assert "pretrain: trained once and shared by all points" in lines
    assert [record.state for record in results.records] == ["done", "done", "done", "refused"]
    best = max(results.completed, key=lambda record: record.values)
    assert json.loads((tmp_path / "sweep.json").read_text())["front"][0] == best.number
    runs = [json.loads((tmp_path / record.folder / "manifest.json").read_text()) for record in results.completed]
    assert all([stage["name"] for stage in run["stages"]] == ["distill"] for run in runs)
    again, lines = sweep(tmp_path, SweepOptions(grid=("alpha=0.3,0.4", "beta=0.1,0.65")))
    assert again == results
    assert not [line for line in lines if line.startswith("point ")]
    assert load_results(tmp_path, "paper", None) == results


def test_several_goals(tmp_path):
    results, _ = sweep(tmp_path, SweepOptions(grid=("alpha=0.3,0.4",)), 'metrics.cast={use="color_cast"}')
    assert [goal.name for goal in results.goals] == ["fidelity", "cast"]
    assert all(len(record.values) == 2 for record in results.completed)


def test_points_that_are_chosen_one_after_another(tmp_path):
    results, _ = sweep(tmp_path, SweepOptions(ranges=("alpha=0.1:0.5",), tpe=3))
    assert len(results.completed) == 3
    other, _ = sweep(tmp_path / "again", SweepOptions(ranges=("alpha=0.1:0.5",), tpe=3))
    assert [record.point for record in other.records] == [record.point for record in results.records]


def test_random_points_depend_on_the_seed_alone_and_fill_their_ranges():
    axes = [NumericRange("a.b", 1e-4, 1.0, True), NumericRange("c.d", 1, 3), Choice("e.f", ("x", "y"))]
    points = enumerate_points(axes, SweepOptions(random=400), 0)
    assert (
        points
        == enumerate_points(axes, SweepOptions(random=400), 0)
        != enumerate_points(axes, SweepOptions(random=400), 1)
    )
    small = [point for point in points if point["a.b"] < 1e-2]
    assert math.isclose(len(small) / 400, 0.5, abs_tol=0.1)
    assert {point["c.d"] for point in points} == {1, 2, 3}
    assert {point["e.f"] for point in points} == {"x", "y"}
    integers = [
        point["a.b"] for point in enumerate_points([NumericRange("a.b", 1, 1000, True)], SweepOptions(random=50), 0)
    ]
    assert all(type(number) is int and 1 <= number <= 1000 for number in integers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SweepOptions(), "varies no key"),
        (SweepOptions(ranges=("alpha=0.1:0.5",)), "needs a number of points"),
        (SweepOptions(ranges=("alpha=0.1:0.5",), random=3, tpe=3), "both choose points"),
        (SweepOptions(grid=("alpha=0.3",), goals=("speed",)), "no goal 'speed'"),
    ],
)
def test_what_makes_no_sense_is_told(tmp_path, options, message):
    with pytest.raises(RecipeError, match=message):
        sweep(tmp_path, options)


def test_a_recipe_with_mistakes_is_told_before_anything_is_made(tmp_path):
    with pytest.raises(RecipeError, match="unknown loss 'msee'"):
        sweep(tmp_path / "out", SweepOptions(grid=("alpha=0.3,0.4",)), 'terms.distillation.enhanced.use="msee"')
    assert not (tmp_path / "out").exists()


def test_a_folder_with_another_sweep_is_left_alone(tmp_path):
    sweep(tmp_path, SweepOptions(grid=("alpha=0.3",)))
    before = (tmp_path / "sweep.json").read_bytes()
    with pytest.raises(RecipeError, match="different grid"):
        sweep(tmp_path, SweepOptions(grid=("alpha=0.4",)))
    assert (tmp_path / "sweep.json").read_bytes() == before


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="cannot create the folder"):
        sweep(tmp_path / "file", SweepOptions(grid=("alpha=0.3",)))
    assert (tmp_path / "file").read_text() == "mine"


def test_no_sweep_has_no_status(tmp_path):
    with pytest.raises(OutputError, match="no sweep in"):
        load_results(tmp_path, "paper", None)
