"""The evidence as people and as programs read it."""

import json

import pytest
import torch

from zerokd.describe.evidence_text import describe_evidence, evidence_to_dict
from zerokd.run.plan import prepare_run


@pytest.fixture
def plan(build):
    return lambda *settings: prepare_run(build(*settings), torch.device("cpu"))


def test_every_term_has_a_row_and_no_line_is_too_wide(plan):
    plan = plan()
    lines = describe_evidence(plan).splitlines()
    assert max(map(len, lines)) <= 80
    for evidence in plan.evidences:
        for term in evidence.terms:
            (row,) = (line for line in lines if line.split()[:1] == [term.label])
            assert len(row.split()) == 7
            assert float(row.split()[1]) == pytest.approx(term.value, rel=0.05)


def test_conflicts_are_few_and_counted(plan):
    plan = plan()
    text, conflicts = describe_evidence(plan), plan.evidences[1].find_conflicts()
    cosine, first, second = conflicts[0]
    assert f"  conflict {cosine:.2f}: {first} and {second}\n" in text
    assert f"  and {len(conflicts) - 5} weaker conflicts; --json lists every pair" in text


def test_cautions_are_told_once_and_name_their_terms(plan):
    plan = plan()
    exposure, perceptual = plan.components.cautions
    assert exposure.startswith("pretraining.exposure, task.exposure: the target is not monotone")
    assert perceptual.startswith("distillation.perceptual: random VGG-19 features; ")
    assert describe_evidence(plan).count("caution: ") == 2
    assert evidence_to_dict(plan)["cautions"] == [exposure, perceptual]


def test_notes_stand_below_their_stage(plan):
    text = describe_evidence(plan("terms.pretraining.smoothness.weight=1e6"))
    assert "note: pretraining.smoothness is " in text.partition("\ndistill: ")[0]


def test_the_data_has_the_whole_matrix(plan):
    data = json.loads(json.dumps(evidence_to_dict(plan()), allow_nan=False))
    assert [stage["stage"] for stage in data["stages"]] == ["pretrain", "distill"]
    assert [len(row) for row in data["stages"][1]["cosines"]] == [14] * 14


def test_metrics_of_the_untrained_student_and_an_aggregator_are_told(plan):
    plan = plan("stages.distill.aggregate={use='sum'}", 'metrics.copy={use="psnr", on={target="teacher.enhanced"}}')
    text, metric = " ".join(describe_evidence(plan).split()), evidence_to_dict(plan)["metrics"]["copy"]
    assert f"metric copy: psnr of the untrained student is {metric['value']:.4g} dB on 1 held-out images" in text
    assert list(metric["stages"]) == ["untrained"]
    assert "note: aggregator 'sum' combines the terms' gradients in place of their sum: cosine 1.00 with it" in text
