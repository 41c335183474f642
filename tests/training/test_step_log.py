"""Every step and epoch is written down, and the numbers add up."""

import io
import json
from itertools import pairwise

import pytest
import torch

from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe
from zerokd.training.loop import Player, train
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step import build_accumulator
from zerokd.training.step_log import StepLog


@pytest.fixture
def lines(build):
    components = build("stages.distill.epochs=7", "stages.distill.batch=1")
    stage = components.stages[1]
    objective = probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32)))
    file, seen = io.StringIO(), []
    with StepLog(stage, objective, file, (seen.append,)) as step_log:
        accumulator = build_accumulator(stage, objective, components, Batch.from_images(torch.rand(2, 3, 32, 32)), 3)
        state = StageState(stage, objective, components)
        train(Player(state, accumulator, step_log), components, [0, 1, 2], NonFinitePolicy(0))
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


def trained(build, *settings):
    """The lines of a small second stage, and the student's parameters after it."""
    components = build("stages.distill.epochs=3", "stages.distill.batch=1", "terms.task.color.monitor=true", *settings)
    stage, file = components.stages[1], io.StringIO()
    generator = torch.Generator().manual_seed(0)
    objective = probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32, generator=generator)))
    with StepLog(stage, objective, file) as step_log:
        accumulator = build_accumulator(stage, objective, components, Batch.from_images(torch.rand(2, 3, 32, 32)), 3)
        state = StageState(stage, objective, components)
        train(Player(state, accumulator, step_log), components, [0, 1, 2], NonFinitePolicy(0))
    return [json.loads(line) for line in file.getvalue().splitlines()], list(components.student.parameters())


def test_gradients_are_measured_every_few_steps_and_follow_their_step(build):
    lines, _ = trained(build, "diagnose_every=4")
    kinds = [(line["kind"], line.get("step")) for line in lines]
    assert [step for kind, step in kinds if kind == "gradients"] == [4, 8]
    for number, (kind, step) in enumerate(kinds):
        if kind == "gradients":
            assert kinds[number - 1] == ("step", step)
            line = lines[number]
            assert line["epoch"] == lines[number - 1]["epoch"]
            assert sum(term["share"] for term in line["terms"].values()) == pytest.approx(1.0)
            assert list(line["terms"]) == line["labels"]
            assert "task.color" not in line["terms"]
            assert [len(row) for row in line["cosines"]] == [13] * 13


def test_the_last_norm_agrees_with_the_norm_of_the_whole(build):
    """|sum of g|^2 = sum over pairs of |g_i| |g_j| cos_ij: the step's own norm, before clipping."""
    lines, _ = trained(build, "diagnose_every=1")
    for step, gradients in pairwise(lines):
        if gradients["kind"] == "gradients":
            norms = [gradients["terms"][label]["norm"] for label in gradients["labels"]]
            square = sum(
                norms[i] * norms[j] * cosine
                for i, row in enumerate(gradients["cosines"])
                for j, cosine in enumerate(row)
            )
            assert square**0.5 == pytest.approx(step["gradient_norm"], rel=1e-3)


def test_measuring_gradients_changes_no_bit_of_the_training(build):
    """diagnose_every = 1000 never measures in nine steps."""
    (often, student), (never, same) = trained(build, "diagnose_every=1"), trained(build, "diagnose_every=1000")
    assert [line for line in often if line["kind"] != "gradients"] == never
    assert all(torch.equal(*pair) for pair in zip(student, same, strict=True))


def test_a_monitored_term_is_marked_in_steps_and_epochs_and_no_other_is(build):
    lines, _ = trained(build)
    for line in lines:
        if line["kind"] in ("step", "epoch"):
            marked = [label for label, term in line["terms"].items() if term.get("monitored")]
            assert marked == ["task.color"]
            assert line["terms"]["task.color"]["value"] > 0
            assert line["terms"]["task.color"]["contribution"] == 0
