"""A batch in parts has the values and the gradient of the batch."""

import pytest
import torch
from attrs import evolve
from torch import nn

from zerokd.errors import RecipeError
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe
from zerokd.recipe.schema.speed import SpeedConfig
from zerokd.stages.distillation import Distillation
from zerokd.training.batches import iterate_batches
from zerokd.training.compile.compiled_step import CompiledStep
from zerokd.training.state import StageState
from zerokd.training.step import build_accumulator, default_micro_batch_size, depends_on_batch

CPU = torch.device("cpu")
LEFT_OUT = ("distillation.perceptual", "distillation.structure", "task.saturation", "task.color", "contrastive.ema")
LEFT_OUT += ("feature_matching.early", "feature_matching.mid", "feature_matching.deep")
FEWER = tuple(f"terms.{label}.weight=0" for label in LEFT_OUT)  # recording takes its time with each term


def backward(build, images_at_once, *settings, per_term=False):
    settings = ("stages.distill.batch=5", f"speed.images_at_once={images_at_once}", *settings)
    components = build(*settings)
    stage = components.stages[1]
    batch = next(iterate_batches(components.data, [0, 1, 2, 3, 4], stage, 0, CPU))
    objective = probe(stage, components, Batch.from_images(batch.low[:3]))
    state = StageState(stage, objective, components)
    accumulator = build_accumulator(stage, objective, components, Batch.from_images(batch.low[:3]), 5)
    assert accumulator.micro_batch_size == min(images_at_once, 5)
    state.zero_grad()
    evaluation, gradients = accumulator.forward_backward(batch, 0, per_term)
    return evaluation, state.flat_student[0].gradient.clone(), gradients


@pytest.mark.parametrize("images_at_once", [1, 2, 5])
def test_parts_add_up_to_the_batch(build, images_at_once):
    (whole, gradient, _), (parts, summed, _) = backward(build, 9), backward(build, images_at_once)
    torch.testing.assert_close(parts.total, whole.total, rtol=1e-5, atol=0)
    torch.testing.assert_close(summed, gradient, rtol=1e-4, atol=1e-6)
    for label, values in whole.values.items():
        torch.testing.assert_close(parts.values[label], values, rtol=1e-4, atol=1e-7)


def test_the_gradients_of_terms_add_up_too_and_to_the_stored_one(build):
    _, whole, per_term = backward(build, 9, per_term=True)
    _, _, parts = backward(build, 2, per_term=True)
    for label, gradient in per_term.items():
        torch.testing.assert_close(parts[label], gradient, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(torch.stack([*parts.values()]).sum(0), whole, rtol=1e-4, atol=1e-6)


def test_as_many_images_as_suit_the_cache():
    assert default_micro_batch_size(torch.empty(1, 3, 512, 512), 8) == 1
    assert default_micro_batch_size(torch.empty(1, 3, 256, 256), 8) == 1
    assert default_micro_batch_size(torch.empty(1, 3, 128, 128), 8) == 4
    assert (
        default_micro_batch_size(torch.empty(1, 3, 128, 128, device="meta"), 8) == 8
    )  # any other device takes the batch


class Darker(Distillation):
    """A stage whose terms see another picture than the data has."""

    def inputs(self, batch):
        return {"low": batch.low * 0.5}


def test_what_is_frozen_sees_what_its_stage_shows(build):
    components = build("stages.distill.epochs=2", "stages.distill.batch=4")
    stage = evolve(components.stages[1], plugin=Darker())
    batch = next(iterate_batches(components.data, [0, 1, 2, 3], stage, 0, CPU))
    objective = probe(stage, components, Batch.from_images(batch.low[:3]))
    state = StageState(stage, objective, components)
    state.zero_grad()
    accumulator = build_accumulator(stage, objective, components, Batch.from_images(batch.low[:3]), 4)
    evaluation, _ = accumulator.forward_backward(batch, 0, per_term=False)
    plain = objective({"low": batch.low * 0.5})
    torch.testing.assert_close(evaluation.total, plain.total.detach(), rtol=1e-5, atol=0)
    assert accumulator.frozen_cache.memory_bytes() == 0  # who knows what it shows the next time


class Normalised(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, low):
        return {"enhanced": self.layer(low)}


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.BatchNorm2d(3), True),
        (nn.BatchNorm2d(3, track_running_stats=False), True),
        (nn.Dropout(), True),  # no output comes twice
        (nn.InstanceNorm2d(3), False),
        (nn.Conv2d(3, 3, 3), False),
    ],
)
def test_a_student_that_sees_its_batch_gets_it_whole(layer, expected):
    student = Normalised(layer)
    state = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    drawn = torch.random.get_rng_state()
    assert depends_on_batch(student, torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))) is expected
    assert all(torch.equal(tensor, state[name]) for name, tensor in student.state_dict().items())
    assert torch.equal(drawn, torch.random.get_rng_state())


def test_parts_that_the_student_does_not_allow_are_refused_when_asked_for(build, monkeypatch):
    monkeypatch.setattr("zerokd.training.step.depends_on_batch", lambda student, sample: True)
    components = build("stages.distill.batch=4", "speed.images_at_once=2")
    stage = components.stages[1]
    low = torch.rand(3, 3, 32, 32)
    objective = probe(stage, components, Batch.from_images(low))
    with pytest.raises(RecipeError, match="images_at_once is 2, but the student depends on its batch"):
        build_accumulator(stage, objective, components, Batch.from_images(low), 4)
    assert (
        build_accumulator(
            stage, objective, evolve(components, speed=SpeedConfig()), Batch.from_images(low), 4
        ).micro_batch_size
        == 4
    )


def replay(monkeypatch):
    """Record steps as for a GPU, and run on the CPU what was recorded."""
    monkeypatch.setattr("zerokd.training.compile.stage_steps.uses_cuda_graph", lambda speed, sample: True)
    monkeypatch.setattr("zerokd.training.compile.compiled_step.CudaGraphStep", lambda run, inputs, state: run)


@pytest.mark.parametrize(("images_at_once", "per_term"), [(5, False), (2, True)])
def test_steps_that_are_recorded_are_those_that_are_not(build, monkeypatch, images_at_once, per_term):
    plain, gradient, plain_terms = backward(build, images_at_once, *FEWER, per_term=per_term)
    replay(monkeypatch)
    calls = []
    monkeypatch.setattr(
        CompiledStep, "__call__", lambda *arguments, call=CompiledStep.__call__: (calls.append(1), call(*arguments))[1]
    )
    recorded, recorded_gradient, terms = backward(build, images_at_once, *FEWER, per_term=per_term)
    assert len(calls) == 5 // images_at_once  # what is left of a batch fits no program
    torch.testing.assert_close(recorded.total, plain.total, rtol=1e-5, atol=0)
    torch.testing.assert_close(recorded_gradient, gradient, rtol=1e-4, atol=1e-6)
    assert terms.keys() == plain_terms.keys()
    assert bool(terms) == per_term
    for label, expected in plain_terms.items():
        torch.testing.assert_close(terms[label], expected, rtol=1e-4, atol=1e-5 * expected.norm().item())


def test_where_terms_are_measured_at_every_step_there_is_a_program_for_that_alone(build, monkeypatch):
    replay(monkeypatch)
    components = build("stages.distill.aggregate={use='sum'}", *FEWER)
    sample = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    counts = []
    for stage in components.stages:
        accumulator = build_accumulator(
            stage, probe(stage, components, Batch.from_images(sample)), components, Batch.from_images(sample), 6
        )
        counts.append([bool(step.per_term) for step in accumulator.compiled_steps])
        assert not accumulator.compile_failures
    assert counts == [[False, True], [True]]


def test_what_cannot_be_recorded_is_said(build, monkeypatch):
    replay(monkeypatch)
    components = build("terms.distillation.perceptual.crop=16")
    stage = components.stages[1]
    sample = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    accumulator = build_accumulator(
        stage, probe(stage, components, Batch.from_images(sample)), components, Batch.from_images(sample), 6
    )
    first, second = accumulator.compile_failures
    assert first.startswith("stage 'distill' cannot be recorded as a CUDA graph: ")
    assert second.startswith("steps of stage 'distill' that measure each term cannot be recorded as a CUDA graph: ")
    assert not accumulator.compiled_steps
