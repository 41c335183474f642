"""What a person and a spreadsheet get: 80 columns, the truth about baselines, and no formulas."""

import csv
import io

import torch

from zerokd.models.nano_dce import NanoDce
from zerokd.student.evaluate.columns import MetricColumn
from zerokd.student.evaluate.cost import ModelCost
from zerokd.student.evaluate.evaluate import PhotoEvaluation
from zerokd.student.evaluate.methods import BASELINE_NAMES, Method
from zerokd.student.evaluate.tables import describe_evaluation, evaluation_to_csv


def zero(image, target):
    return torch.zeros(1)


def evaluation(mine, photo="a.png"):
    """A student with this PSNR beside baselines of 10, 11, 12, 13 and 14 dB."""
    columns = (
        MetricColumn("reference", "psnr", zero, "higher"),
        MetricColumn("teacher", "psnr", zero, "higher"),
        MetricColumn("alone", "color_cast", zero, "lower"),
    )
    methods = [Method(name, lambda low: low) for name in BASELINE_NAMES] + [Method("mine", lambda low: low, NanoDce())]
    evaluated = PhotoEvaluation(tuple(methods), "teacher", columns)
    for number, method in enumerate(methods):
        level = mine if method.name == "mine" else 10.0 + number
        values = {"reference.psnr": level, "teacher.psnr": level, "alone.color_cast": 0.5}
        evaluated.values.setdefault(photo, {})[method.name] = values
    evaluated.costs["mine"] = ModelCost(161, 139.0, 41.0)
    return evaluated


def test_losing_to_a_constant_is_said():
    text = describe_evaluation(evaluation(11.5))
    assert "mine LOSES to exposed curve + 3x3 in PSNR: 11.50\n  against 14.00" in text
    assert "measures brightness first" in text
    assert text.count("LOSES") == 1  # the distance to the teacher is no contest


def test_winning_is_not_commented():
    assert "LOSES" not in describe_evaluation(evaluation(14.5))


def test_eighty_columns_and_every_number():
    text = describe_evaluation(evaluation(14.5))
    assert max(map(len, text.splitlines())) <= 80
    assert "against the references   PSNR" in " ".join(text.split()).replace("references PSNR", "references   PSNR")
    assert "161" in text
    assert "139" in text
    assert "constant curve: one parameter, -0.36, 8 times" in text


def test_csv_has_a_line_for_each_photo_and_method_and_runs_nothing():
    lines = list(csv.reader(io.StringIO(evaluation_to_csv(evaluation(13.5, "=cmd|x.png")))))
    assert lines[0] == ["photo", "method", "reference.psnr", "teacher.psnr", "alone.color_cast"]
    assert lines[1] == ["'=cmd|x.png", "input", "10.0", "10.0", "0.5"]
    assert len(lines) == 1 + len(BASELINE_NAMES) + 1
