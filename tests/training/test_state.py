"""What a stage's training changes is all in its state, and comes back from it to the bit."""

import math

import pytest
import torch
from attrs import evolve

import zerokd
from zerokd.proof.probe import probe
from zerokd.training.state import StageState


def create_state(build, number=1):
    components = build("stages.pretrain.epochs=2", "stages.distill.epochs=3")
    stage = components.stages[number]
    return StageState(stage, probe(stage, components, torch.rand(2, 3, 32, 32)), components)


def take_step(state, seed):
    generator = torch.Generator().manual_seed(seed)
    state.set_gradient(torch.rand(161, generator=generator))
    return state.optimizer_step(seed)


def test_the_state_of_one_makes_another_go_on_alike(build):
    first, second = create_state(build), create_state(build)
    for step in range(3):
        take_step(first, step)
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    for step in range(3, 5):
        assert take_step(first, step) == take_step(second, step)
    before, after = first.state_dict(), second.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_student_average_and_moments_are_in_it_and_no_frozen_network(build):
    state = create_state(build)
    take_step(state, 0)
    owners = {name.partition("/")[0] for name in state.state_dict()}
    assert owners == {"student", "ema", ".objective", ".optimizer"}
    assert (
        len([name for name in state.state_dict() if name.startswith(".optimizer/")]) == 3
    )  # step and both moments, of all
    assert sum(tensor.numel() for tensor in state.state_dict().values()) < 1000  # no VGG, no teacher


def test_another_gradient_is_given_to_the_parameters_in_their_order(build):
    state = create_state(build)
    state.set_gradient(torch.arange(161.0))
    assert torch.equal(torch.cat([parameter.grad.reshape(-1) for parameter in state.parameters]), torch.arange(161.0))
    state.zero_grad()
    assert not any(parameter.grad.any() for parameter in state.parameters)


def test_the_norm_of_the_whole_gradient_is_limited(build):
    state = create_state(build)
    state.set_gradient(torch.full((161,), 2.0))
    assert state.clip_grad_norm().item() == pytest.approx(2 * 161**0.5)
    assert torch.cat([parameter.grad.reshape(-1) for parameter in state.parameters]).norm().item() == pytest.approx(0.1)
    before = [parameter.grad.clone() for parameter in state.parameters]
    assert state.clip_grad_norm().item() == pytest.approx(0.1)  # 0.1 is allowed, and nothing is scaled up
    for parameter, gradient in zip(state.parameters, before, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_an_average_starts_each_stage_at_the_student(build):
    state = create_state(build)
    pairs = zip(state.averages["ema"].model.parameters(), state.student.parameters(), strict=True)
    assert all(torch.equal(averaged, current) for averaged, current in pairs)


def test_the_rate_is_a_cosine_by_hand(build):
    state = create_state(build)
    steps, (first, final) = state.stage.clock.steps, (5e-3, 1e-7)
    assert state.learning_rate(0) == first
    assert math.isclose(state.learning_rate(steps), final, rel_tol=1e-9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(state.optimizer, steps, eta_min=final)
    for step in range(steps):
        assert math.isclose(state.learning_rate(step), scheduler.get_last_lr()[0], rel_tol=1e-9)
        state.optimizer.step()
        scheduler.step()


def test_what_an_aggregator_keeps_in_buffers_is_in_it(build):
    class Kept(zerokd.Aggregator):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.ones(3))

    components = build()
    stage = evolve(components.stages[0], aggregator=Kept(), aggregator_name="kept")
    state = StageState(stage, probe(stage, components, torch.rand(2, 3, 32, 32)), components)
    saved = {name: tensor.clone() for name, tensor in state.state_dict().items()}
    assert torch.equal(saved[".aggregator/mean"], torch.ones(3))
    state.aggregator.mean.mul_(5)
    state.load_state_dict(saved)
    assert torch.equal(state.aggregator.mean, torch.ones(3))
