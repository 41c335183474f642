"""Every step and epoch is written down, and the numbers add up."""

import io
import json

import pytest
import torch

from zerokd.objective.probe import probe
from zerokd.run.metrics import Metrics
from zerokd.run.runner import train


@pytest.fixture
def lines(build):
    components = build("stages.distill.epochs=7", "stages.distill.batch=1")
    phase = components.phases[1]
    objective = probe(phase, components, torch.rand(2, 3, 32, 32))
    file, seen = io.StringIO(), []
    with Metrics(phase, objective, file, (seen.append,)) as metrics:
        train(phase, objective, components, [0, 1, 2], metrics, torch.device("cpu"))
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert lines == seen
    return lines


def test_every_step_and_epoch_has_a_line_in_order(lines):
    steps = [line for line in lines if line["kind"] == "step"]
    assert [line["step"] for line in steps] == list(range(1, 22))
    assert [line["epoch"] for line in lines] == [epoch for epoch in range(7) for _ in range(4)]
    assert [line["kind"] for line in lines[:4]] == ["step", "step", "step", "epoch"]


def test_contributions_add_up_to_the_total(lines):
    for line in lines:
        terms = line["terms"].values()
        assert sum(term["contribution"] for term in terms) == pytest.approx(line["total"], rel=1e-5)
        assert all(term["contribution"] == pytest.approx(term["weight"] * term["value"]) for term in terms)


def test_an_epoch_is_the_mean_of_its_steps(lines):
    for epoch in range(7):
        steps = [line for line in lines if line["epoch"] == epoch and line["kind"] == "step"]
        (whole,) = [line for line in lines if line["epoch"] == epoch and line["kind"] == "epoch"]
        for label, term in whole["terms"].items():
            assert term["value"] == pytest.approx(sum(step["terms"][label]["value"] for step in steps) / 3)
