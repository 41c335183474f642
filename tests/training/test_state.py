"""What a stage's training changes is all in its state, and comes back from it to the bit."""

import math

import pytest
import torch
from attrs import evolve

import zerokd
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe
from zerokd.training.state import StageState


def create_state(build, number=1):
    components = build("stages.pretrain.epochs=2", "stages.distill.epochs=3")
    stage = components.stages[number]
    return StageState(stage, probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32))), components)


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
    pairs = zip(state.averages["ema"].model.parameters(), state.network.parameters(), strict=True)
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
    state = StageState(stage, probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32))), components)
    saved = {name: tensor.clone() for name, tensor in state.state_dict().items()}
    assert torch.equal(saved[".aggregator/mean"], torch.ones(3))
    state.aggregator.mean.mul_(5)
    state.load_state_dict(saved)
    assert torch.equal(state.aggregator.mean, torch.ones(3))


OPTIMIZERS = {
    "adamw": "{use='adamw'}",
    "sgd": "{use='sgd', momentum=0.9, nesterov=true}",
    "lion": "{use='lion'}",
    "torch": "{use='torch', name='NAdam'}",
    "grouped": "{groups=[{match='*.bias', learning_rate_factor=0.1}, {match='*', weight_decay=0.5}]}",
}


def create_state_with(build, optimizer):
    components = build("stages.distill.epochs=3", f"stages.distill.optimizer={optimizer}")
    stage = components.stages[1]
    return StageState(stage, probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32))), components)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_makes_another_state_go_on_alike(build, name):
    first, second = (create_state_with(build, OPTIMIZERS[name]) for _ in range(2))
    for step in range(2):
        take_step(first, step)
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    take_step(first, 2)
    take_step(second, 2)
    before, after = first.state_dict(), second.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_group_has_its_own_rate_and_the_others_keep_theirs(build):
    state = create_state_with(
        build, "{use='sgd', learning_rate=0.5, groups=[{match='*.bias', learning_rate_factor=0.1}]}"
    )
    before = {name: value.detach().clone() for name, value in state.network.named_parameters()}
    state.set_gradient(torch.ones(161))
    assert state.optimizer_step(0) == 0.5
    for name, value in state.network.named_parameters():
        step = 0.05 if name.endswith(".bias") else 0.5
        torch.testing.assert_close(value.detach(), before[name] - step)


def test_groups_that_change_nothing_give_the_weights_of_one_flat_step(build):
    flat, grouped = create_state_with(build, "{}"), create_state_with(build, "{groups=[{match='*.bias'}]}")
    for step in range(2):
        take_step(flat, step)
        take_step(grouped, step)
    pairs = zip(flat.parameters, grouped.parameters, strict=True)
    assert all(torch.allclose(*pair, rtol=1e-6, atol=1e-8) for pair in pairs)
    assert len(grouped.optimizer.param_groups) == 2
    assert len(flat.optimizer.param_groups[0]["params"]) == 1


def test_averages_follow_a_student_whose_parameters_are_updated_one_by_one(build):
    state = create_state_with(build, "{use='torch', name='Adafactor', learning_rate=0.1}")
    start = [parameter.detach().clone() for parameter in state.parameters]
    take_step(state, 0)
    average = state.averages["ema"]
    for averaged, current, first in zip(average.model.parameters(), state.parameters, start, strict=True):
        torch.testing.assert_close(averaged, first + (1 - average.decay) * (current - first))
        assert not torch.equal(current, first)


def test_without_clipping_the_gradient_keeps_its_norm(build):
    state = create_state_with(build, "{clip_norm='off'}")
    state.set_gradient(torch.full((161,), 2.0))
    assert state.clip_grad_norm().item() == pytest.approx(2 * 161**0.5)
    assert state.parameters[0].grad.unique().tolist() == [2.0]


def test_a_scheduled_rate_is_that_of_the_step(build):
    state = create_state_with(build, "{use='sgd', learning_rate={use='linear', from=0.4, to=0.0, end='2 steps'}}")
    assert [take_step(state, step) for step in range(3)] == pytest.approx([0.4, 0.2, 0.0])
