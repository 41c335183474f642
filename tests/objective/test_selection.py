"""Which student leaves a run, as plain data."""

from zerokd.objective.selection import EXPORT_STUDENT, Selection


def test_what_is_not_used_is_not_in_the_record():
    assert EXPORT_STUDENT.as_json() == {"export": "student"}
    assert Selection("average", average="ema").as_json() == {"export": "average", "average": "ema"}
    assert Selection("best", 2, "truth", "lower", 3).as_json() == {
        "export": "best",
        "measure_every": 2,
        "metric": "truth",
        "better": "lower",
        "patience": 3,
    }
