"""Rules for optimizers: they train, follow the learning rate of each group, and survive a checkpoint to the bit."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from zerokd.testing.check import Subject, require, rule
from zerokd.testing.inputs import noise
from zerokd.testing.losses_and_metrics import require_close
from zerokd.training.optimizer_state import collect_optimizer_state, restore_optimizer_state

SHAPES = ((7, 5), (4, 3))
LEARNING_RATE = 1e-3
STEPS = 60


def start_parameters() -> list[nn.Parameter]:
    """Two matrices, between 0.5 and 1.5."""
    return [nn.Parameter(noise(shape, seed).float() + 0.5) for seed, shape in enumerate(SHAPES)]


def create(subject: Subject, *groups: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """Create the optimizer of these groups."""
    optimizer: torch.optim.Optimizer = subject.build().create(
        [{"params": [*group], "lr": LEARNING_RATE} for group in groups]
    )
    return optimizer


def take_steps(optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter], first: int, last: int) -> None:
    """Follow gradients of half the squared distance from 0, with some noise that depends on the step."""
    for step in range(first, last):
        for index, parameter in enumerate(parameters):
            wobble = noise(tuple(parameter.shape), 100 * step + index).float() - 0.5
            parameter.grad = parameter.detach() + 0.1 * wobble
        optimizer.step()


def values(parameters: Sequence[nn.Parameter]) -> Tensor:
    """All numbers of these parameters, (P,)."""
    return torch.cat([parameter.detach().reshape(-1).clone() for parameter in parameters])


@rule()
def groups_unchanged(subject: Subject) -> None:
    """it returns a torch.optim.Optimizer of the groups, with their learning rates and weight decay"""
    first, second = start_parameters()
    groups: list[dict[str, Any]] = [{"params": [first], "lr": 0.25}, {"params": [second], "lr": 0.5}]
    optimizer = subject.build().create(groups)
    require(isinstance(optimizer, torch.optim.Optimizer), f"create returns {type(optimizer).__name__}")
    members = [[*map(id, group["params"])] for group in optimizer.param_groups]
    require(members == [[id(first)], [id(second)]], "its groups hold other parameters than it received")
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    require(rates == [0.25, 0.5], f"learning rates 0.25 and 0.5 became {rates}")


@rule()
def descends(subject: Subject) -> None:
    """it brings parameters closer to the minimum of a parabola"""
    parameters = start_parameters()
    before = values(parameters).norm()
    take_steps(create(subject, parameters), parameters, 0, STEPS)
    after = values(parameters).norm()
    require(
        torch.isfinite(after) and after < before, f"{STEPS} steps lead from {before:.4g} to {after:.4g}, away from 0"
    )


@rule()
def follows_each_rate(subject: Subject) -> None:
    """a group with learning rate 0 stays where it is, while another one moves"""
    parameters = start_parameters()
    before = [parameter.detach().clone() for parameter in parameters]
    optimizer = create(subject, *([parameter] for parameter in parameters))
    optimizer.param_groups[1]["lr"] = 0.0
    take_steps(optimizer, parameters, 0, 3)
    require(torch.equal(parameters[1], before[1]), "parameters move at learning rate 0")
    require(not torch.equal(parameters[0], before[0]), "parameters do not move at a learning rate above 0")


@rule()
def deterministic(subject: Subject) -> None:
    """the same gradients give the same bits"""
    results = []
    for _ in range(2):
        parameters = start_parameters()
        take_steps(create(subject, parameters), parameters, 0, 5)
        results.append(values(parameters))
    require(torch.equal(*results), "two runs on the same gradients differ")


@rule()
def state_in_tensors(subject: Subject) -> None:
    """its state consists of tensors, which a checkpoint stores"""
    parameters = start_parameters()
    optimizer = create(subject, parameters)
    take_steps(optimizer, parameters, 0, 2)
    states = [item for state in optimizer.state.values() for item in state.items()]
    others = {key: type(value).__name__ for key, value in states if not isinstance(value, Tensor | None)}
    require(not others, f"not tensors: {', '.join(f'{key} ({kind})' for key, kind in others.items())}")


@rule()
def resumes(subject: Subject) -> None:
    """an optimizer that loads the tensors of another continues with the same bits"""
    parameters = start_parameters()
    optimizer = create(subject, parameters)
    take_steps(optimizer, parameters, 0, 3)
    state = {name: tensor.clone() for name, tensor in collect_optimizer_state(optimizer).items()}
    copies = copy.deepcopy(parameters)
    resumed = create(subject, copies)
    restore_optimizer_state(resumed, state)
    take_steps(optimizer, parameters, 3, 6)
    take_steps(resumed, copies, 3, 6)
    require(torch.equal(values(parameters), values(copies)), "it continues with other numbers")


@rule(lambda subject: bool(subject.build().is_elementwise))
def elementwise(subject: Subject) -> None:
    """is_elementwise: parameters in one flat tensor move as they do in their own shapes"""
    parameters = start_parameters()
    flat = [nn.Parameter(values(parameters))]
    optimizer, flat_optimizer = create(subject, parameters), create(subject, flat)
    for step in range(5):
        for index, parameter in enumerate(parameters):
            wobble = noise(tuple(parameter.shape), 10 * step + index).float() - 0.5
            parameter.grad = parameter.detach() + wobble
        flat[0].grad = torch.cat([parameter.grad.reshape(-1) for parameter in parameters if parameter.grad is not None])
        optimizer.step()
        flat_optimizer.step()
    require_close(values(flat), values(parameters), "a flat tensor moves to other numbers", 1e-6)


RULES = (groups_unchanged, descends, follows_each_rate, deterministic, state_in_tensors, resumes, elementwise)
