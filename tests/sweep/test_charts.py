from zerokd.sweep.charts import draw_heat_map, draw_parallel_coordinates
from zerokd.sweep.objectives import Goal
from zerokd.sweep.study import PointRecord

FIDELITY, CAST = Goal("fidelity", True, "dB"), Goal("cast", False)
RECORDS = [
    PointRecord(1, {"params.alpha": 0.3, "params.beta": 0.1}, "done", (30.0, 0.05)),
    PointRecord(2, {"params.alpha": 0.3, "params.beta": 0.2}, "done", (32.0, 0.02)),
    PointRecord(3, {"params.alpha": 0.35, "params.beta": 0.1}, "done", (31.0, 0.03)),
    PointRecord(4, {"params.alpha": 0.35, "params.beta": 0.2}, "refused"),
]
BEST, WORST = "rgb(250,204,92)", "rgb(46,58,110)"


def test_a_cell_a_point_coloured_by_how_good_it_is():
    svg = str(draw_heat_map(RECORDS, [FIDELITY, CAST], 0))
    assert svg.count("<rect") == 3
    assert svg.count(">-</text>") == 1
    assert svg.split(">32</text>")[0].rsplit("<rect", 1)[1].count(BEST) == 1
    assert svg.split(">30</text>")[0].rsplit("<rect", 1)[1].count(WORST) == 1
    assert "alpha \\ beta" in svg


def test_lower_is_better_turns_the_colours_round():
    svg = str(draw_heat_map(RECORDS, [FIDELITY, CAST], 1))
    assert svg.split(">0.02</text>")[0].rsplit("<rect", 1)[1].count(BEST) == 1


def test_there_is_no_heat_map_of_one_key_or_three():
    assert draw_heat_map([PointRecord(1, {"a": 1}, "done", (1.0,))], [FIDELITY], 0) == ""
    assert draw_heat_map([PointRecord(1, {"a": 1, "b": 2, "c": 3}, "done", (1.0,))], [FIDELITY], 0) == ""
    assert draw_heat_map(RECORDS[3:], [FIDELITY], 0) == ""


def test_a_line_a_point_the_best_on_top():
    svg = str(draw_parallel_coordinates(RECORDS, [FIDELITY, CAST]))
    lines = svg.split("<polyline")[1:]
    assert [line.split("<title>")[1].split("<")[0] for line in lines] == ["point 1", "point 3", "point 2"]
    assert BEST in lines[-1]
    assert draw_parallel_coordinates(RECORDS[:1], [FIDELITY]) == ""


def test_hostile_text_stays_text():
    records = [PointRecord(n, {"a.b": "<script>", "c.d": n}, "done", (float(n),)) for n in (1, 2)]
    assert "<script>" not in draw_heat_map(records, [FIDELITY], 0) + draw_parallel_coordinates(records, [FIDELITY])
