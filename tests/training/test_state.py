"""What a stage's training changes is all in its state, and comes back from it to the bit."""

import math

import pytest
import torch
from attrs import evolve

import zerokd
from zerokd.proof.probe import probe
from zerokd.training.state import StageState


def training(build, number=1):
    components = build("stages.pretrain.epochs=2", "stages.distill.epochs=3")
    stage = components.phases[number]
    return StageState(stage, probe(stage, components, torch.rand(2, 3, 32, 32)), components)


def stepped(one, seed):
    generator = torch.Generator().manual_seed(seed)
    one.follow(torch.rand(161, generator=generator))
    return one.descend(seed)


def test_the_state_of_one_makes_another_go_on_alike(build):
    first, second = training(build), training(build)
    for step in range(3):
        stepped(first, step)
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    for step in range(3, 5):
        assert stepped(first, step) == stepped(second, step)
    before, after = first.state_dict(), second.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_student_average_and_moments_are_in_it_and_no_frozen_network(build):
    one = training(build)
    stepped(one, 0)
    owners = {name.partition("/")[0] for name in one.state_dict()}
    assert owners == {"student", "ema", ".objective", ".optimizer"}
    assert (
        len([name for name in one.state_dict() if name.startswith(".optimizer/")]) == 3
    )  # step and both moments, of all
    assert sum(tensor.numel() for tensor in one.state_dict().values()) < 1000  # no VGG, no teacher


def test_another_gradient_is_given_to_the_parameters_in_their_order(build):
    one = training(build)
    one.set_gradient(torch.arange(161.0))
    assert torch.equal(torch.cat([parameter.grad.reshape(-1) for parameter in one.parameters]), torch.arange(161.0))
    one.zero_grad()
    assert not any(parameter.grad.any() for parameter in one.parameters)


def test_the_norm_of_the_whole_gradient_is_limited(build):
    one = training(build)
    one.set_gradient(torch.full((161,), 2.0))
    assert one.clip_grad_norm().item() == pytest.approx(2 * 161**0.5)
    assert torch.cat([parameter.grad.reshape(-1) for parameter in one.parameters]).norm().item() == pytest.approx(0.1)
    before = [parameter.grad.clone() for parameter in one.parameters]
    assert one.clip_grad_norm().item() == pytest.approx(0.1)  # 0.1 is allowed, and nothing is scaled up
    for parameter, kept in zip(one.parameters, before, strict=True):
        torch.testing.assert_close(parameter.grad, kept)


def test_an_average_starts_each_stage_at_the_student(build):
    one = training(build)
    pairs = zip(one.averages["ema"].model.parameters(), one.student.parameters(), strict=True)
    assert all(torch.equal(kept, new) for kept, new in pairs)


def test_the_rate_is_a_cosine_by_hand(build):
    one = training(build)
    steps, (first, final) = one.stage.clock.steps, (5e-3, 1e-7)
    assert one.learning_rate(0) == first
    assert math.isclose(one.learning_rate(steps), final, rel_tol=1e-9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(one.optimizer, steps, eta_min=final)
    for step in range(steps):
        assert math.isclose(one.learning_rate(step), scheduler.get_last_lr()[0], rel_tol=1e-9)
        one.optimizer.step()
        scheduler.step()


def test_what_an_aggregator_keeps_in_buffers_is_in_it(build):
    class Kept(zerokd.Aggregator):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.ones(3))

    components = build()
    stage = evolve(components.phases[0], aggregator=Kept(), aggregator_name="kept")
    one = StageState(stage, probe(stage, components, torch.rand(2, 3, 32, 32)), components)
    state = {name: tensor.clone() for name, tensor in one.state_dict().items()}
    assert torch.equal(state[".aggregator/mean"], torch.ones(3))
    one.aggregator.mean.mul_(5)
    one.load_state_dict(state)
    assert torch.equal(one.aggregator.mean, torch.ones(3))
