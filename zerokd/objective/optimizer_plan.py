"""How a stage updates what it trains: the optimizer, its learning rate at every step, and groups of parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from attrs import field, frozen
from torch import nn

from zerokd.equation.expression import Series
from zerokd.errors import Place
from zerokd.objective.models import CRITIC, STUDENT
from zerokd.plugin.contracts import Optimizer

NamedParameter = tuple[str, nn.Parameter]


@frozen
class ParameterGroup:
    """Parameters whose name matches a pattern. ``weight_decay`` None: that of the optimizer."""

    match: str
    learning_rate_factor: float = 1.0
    weight_decay: float | None = None
    place: Place = field(default=Place(""), eq=False)


@frozen(eq=False)
class OptimizerPlan:
    """An optimizer (``name`` in the recipe) with its learning rate and the limit of the gradient norm (None: none).

    ``learning_rate`` is one number for every step, or the first number of a cosine that ends at
    ``final_learning_rate``. A parameter belongs to the first of the ``groups`` that matches its name.
    """

    plugin: Optimizer
    name: str
    learning_rate: Series
    final_learning_rate: float
    clip_norm: float | None
    groups: tuple[ParameterGroup, ...] = ()
    schedule: str = "cosine"
    place: Place = field(default=Place(""))

    @property
    def is_flat(self) -> bool:
        """Whether it updates all parameters as one flat tensor; else one parameter after the other."""
        return self.plugin.is_elementwise and not self.groups

    def learning_rate_at(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0, of a stage of so many steps."""
        if isinstance(self.learning_rate, np.ndarray):
            return float(self.learning_rate[step])
        first, final = self.learning_rate, self.final_learning_rate
        return final + (first - final) * (1 + math.cos(math.pi * step / steps)) / 2

    def as_json(self) -> dict[str, Any]:
        """Plain data, for the manifest and for `zerokd explain`."""
        rates = self.learning_rate
        scheduled = isinstance(rates, np.ndarray)
        first, last = (rates[0], rates[-1]) if isinstance(rates, np.ndarray) else (rates, self.final_learning_rate)
        return {
            "use": self.name,
            "config": self.plugin.config.model_dump(mode="json"),
            "learning_rate": {
                "schedule": self.schedule,
                "first": float(first),
                "last": float(last),
                "most": float(np.max(rates)) if scheduled else max(float(first), float(last)),
            },
            "clip_norm": "off" if self.clip_norm is None else self.clip_norm,
            "flat": self.is_flat,
            "groups": [
                {
                    "match": group.match,
                    "learning_rate_factor": group.learning_rate_factor,
                    **({} if group.weight_decay is None else {"weight_decay": group.weight_decay}),
                }
                for group in self.groups
            ],
        }


def name_parameters(parameters: Iterable[NamedParameter]) -> list[NamedParameter]:
    """The trained parameters of an objective by the names that patterns match: those of the trained model, such as
    ``e_conv1.bias``; those of losses and adapters start with ``losses.`` or ``adapters.``."""
    named = ((*name.partition("."), parameter) for name, parameter in parameters)
    return [(rest if owner in (STUDENT, CRITIC) else owner + dot + rest, weight) for owner, dot, rest, weight in named]


def find_group(name: str, groups: Sequence[ParameterGroup]) -> int | None:
    """The index of the first group whose pattern matches a parameter's name."""
    return next((index for index, group in enumerate(groups) if fnmatchcase(name, group.match)), None)


def split_into_groups(
    named: Iterable[NamedParameter], plan: OptimizerPlan
) -> list[tuple[ParameterGroup, list[nn.Parameter]]]:
    """The parameters of each group, after those that no pattern matches; groups without parameters are left out."""
    rest = ParameterGroup("*")
    members: dict[int | None, list[nn.Parameter]] = {index: [] for index in (None, *range(len(plan.groups)))}
    for name, parameter in named:
        members[find_group(name, plan.groups)].append(parameter)
    groups: dict[int | None, ParameterGroup] = {None: rest, **dict(enumerate(plan.groups))}
    return [(groups[index], parameters) for index, parameters in members.items() if parameters]


def build_torch_groups(
    groups: Iterable[tuple[ParameterGroup, Sequence[nn.Parameter]]], learning_rate: float
) -> list[dict[str, Any]]:
    """Groups as :mod:`torch.optim` takes them."""
    return [
        {
            "params": [*parameters],
            "lr": learning_rate * group.learning_rate_factor,
            **({} if group.weight_decay is None else {"weight_decay": group.weight_decay}),
        }
        for group, parameters in groups
    ]
