"""Tries the optimizer of a stage on copies of its parameters, before the first step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from zerokd.errors import Problem, RecipeError, ZerokdError, did_you_mean
from zerokd.objective.objective import Objective
from zerokd.objective.optimizer_plan import (
    NamedParameter,
    OptimizerPlan,
    build_torch_groups,
    find_group,
    name_parameters,
    split_into_groups,
)
from zerokd.plugin.global_state import preserve_global_state

TRIAL_GRADIENT, TRIAL_LEARNING_RATE = 1e-3, 1e-3


def try_optimizer(plan: OptimizerPlan, objective: Objective) -> None:
    """Verify that every pattern matches a parameter, and that the optimizer takes a step which a checkpoint can store.

    Raises:
        RecipeError: with every pattern without parameters, or the reason why the optimizer cannot train them.
    """
    named = name_parameters(objective.named_parameters())
    problems = [*_find_idle_patterns(plan, [name for name, _ in named])]
    if not problems:
        problems += _try_step(plan, [(name, _copy_parameter(parameter)) for name, parameter in named])
    if problems:
        raise RecipeError(*problems)


def _find_idle_patterns(plan: OptimizerPlan, names: Sequence[str]) -> Iterator[Problem]:
    used = {find_group(name, plan.groups) for name in names}
    for index, group in enumerate(plan.groups):
        if index in used:
            continue
        if any(find_group(name, [group]) is not None for name in names):
            text = f"the pattern {group.match!r} has no parameter left: earlier patterns match all of its own"
            yield Problem(text, group.place, ("put it before them, or remove it",), code="wrong-value")
        else:
            text = f"the pattern {group.match!r} matches no trained parameter"
            yield Problem(text, group.place, did_you_mean(group.match, names), code="wrong-value")


def _copy_parameter(parameter: nn.Parameter) -> nn.Parameter:
    copy = nn.Parameter(parameter.detach().clone())
    copy.grad = torch.full_like(copy, TRIAL_GRADIENT)
    return copy


def _try_step(plan: OptimizerPlan, named: Sequence[NamedParameter]) -> list[Problem]:
    """Problems of one step on these parameters, which it changes."""
    decayed = [group for group in plan.groups if group.weight_decay is not None]
    try:
        with preserve_global_state():
            optimizer = plan.plugin.create(build_torch_groups(split_into_groups(named, plan), TRIAL_LEARNING_RATE))
            if decayed and "weight_decay" not in optimizer.defaults:
                text = f"weight_decay in a group: optimizer {plan.name!r} has no weight decay"
                hint = "remove the key from the group, or choose another optimizer"
                return [Problem(text, group.place, (hint,), code="wrong-value") for group in decayed]
            optimizer.step()
    except ZerokdError:
        raise
    except Exception as error:
        text = f"optimizer {plan.name!r} cannot train these parameters: {type(error).__name__}: {error}"
        return [Problem(text, plan.place, ("choose another optimizer",), cause=error, code="wrong-value")]
    return [*_find_state_problems(plan, optimizer), *_find_infinite(plan, named)]


def _find_state_problems(plan: OptimizerPlan, optimizer: torch.optim.Optimizer) -> Iterator[Problem]:
    """What a checkpoint cannot store."""
    values = [item for state in optimizer.state.values() for item in state.items()]
    for key in dict.fromkeys(key for key, value in values if not (value is None or isinstance(value, Tensor))):
        text = f"optimizer {plan.name!r} has a state {key!r} that is no tensor, so no checkpoint can store it"
        yield Problem(text, plan.place, ("its author can store it as a tensor",), code="plugin-failed")


def _find_infinite(plan: OptimizerPlan, named: Sequence[NamedParameter]) -> Iterator[Problem]:
    infinite = [name for name, parameter in named if not torch.isfinite(parameter).all()]
    if infinite:
        text = f"a step of optimizer {plan.name!r} makes {infinite[0]} not finite"
        hint = f"tried with gradients of {TRIAL_GRADIENT:g} and a learning rate of {TRIAL_LEARNING_RATE:g}"
        yield Problem(text, plan.place, (hint,), code="wrong-value")
