import json
import tomllib

from tests.sweep.small import CATALOGUE, document
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.document import parse_document
from zerokd.sweep.objectives import Goal
from zerokd.sweep.results import SweepResults, format_results_table, write_results
from zerokd.sweep.study import PointRecord

GOALS = [Goal("fidelity", True, "dB")]
ROWS = [
    PointRecord(1, {"params.alpha": 0.3}, "done", (30.123456,), folder="points/001", seconds=4.2),
    PointRecord(2, {"params.alpha": 0.4}, "done", (31.0,), folder="points/002", seconds=5.0),
    PointRecord(
        3,
        {"params.alpha": 0.95},
        "refused",
        why="the coefficient of task is (1 - alpha - beta) = -0.05 with alpha = 0.95",
    ),
    PointRecord(4, {"params.alpha": 0.5}, "waiting"),
]


def test_the_table_marks_the_best_and_fits_a_terminal():
    lines = format_results_table(SweepResults("paper", GOALS, ROWS)).splitlines()
    assert lines[0].split() == ["point", "alpha", "fidelity", "seconds", "state"]
    assert lines[1].split() == ["1", "0.3", "30.12", "4", "done"]
    assert lines[2].split() == ["*", "2", "0.4", "31", "5", "done"]
    assert lines[3].endswith("  refused: the coefficient of task is (1 -...")
    assert lines[-1].startswith("2 done, 1 refused, 1 waiting")
    assert max(map(len, lines)) <= 80


def test_files_say_the_same_and_the_best_can_be_run(tmp_path):
    write_results(SweepResults("paper", GOALS, ROWS), document(), tmp_path)
    written = json.loads((tmp_path / "sweep.json").read_text())
    assert written["front"] == [2]
    assert written["points"][0]["values"] == [30.123456]
    best = (tmp_path / "best.toml").read_text()
    assert best.startswith("# point 2 of 4: alpha = 0.4\n")
    assert tomllib.loads(best)["params"]["alpha"] == 0.4
    check_recipe(parse_document(best, "best.toml"), CATALOGUE)
    page = (tmp_path / "report.html").read_text()
    assert "31 dB" in page
    assert "1 refused" in page


def test_a_sweep_that_has_done_nothing_yet(tmp_path):
    write_results(SweepResults("paper", GOALS, ROWS[3:]), document(), tmp_path)
    assert not (tmp_path / "best.toml").exists()
    assert "1 waiting" in (tmp_path / "report.html").read_text()
