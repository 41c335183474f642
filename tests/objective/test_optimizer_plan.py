"""How a stage updates what it trains."""

import math

import numpy as np
import torch
from torch import nn

from zerokd.objective.optimizer_plan import (
    OptimizerPlan,
    ParameterGroup,
    build_torch_groups,
    find_group,
    name_parameters,
    split_into_groups,
)
from zerokd.optimizers.adam import Adam
from zerokd.optimizers.sgd import Sgd
from zerokd.optimizers.torch import Torch

GROUPS = (ParameterGroup("*.bias", 0.5, 0.0), ParameterGroup("out.*"), ParameterGroup("nothing"))


def plan(learning_rate=0.4, groups=GROUPS, clip_norm=None):
    return OptimizerPlan(Sgd(momentum=0.5), "sgd", learning_rate, 0.0, clip_norm, groups, "cosine")


def parameters(*names):
    return [(name, nn.Parameter(torch.zeros(1))) for name in names]


def test_a_number_is_the_start_of_a_cosine_and_a_series_is_read():
    assert [plan().learning_rate_at(step, 4) for step in (0, 2)] == [0.4, 0.2]
    assert math.isclose(plan().learning_rate_at(1, 4), 0.2 + 0.2 * math.sqrt(0.5))
    assert plan(np.array([0.1, 0.3])).learning_rate_at(1, 2) == 0.3


def test_the_first_pattern_that_matches_counts():
    names = ("in.weight", "in.bias", "out.weight", "out.bias")
    assert [find_group(name, GROUPS) for name in names] == [None, 0, 1, 0]
    named = parameters(*names)
    split = split_into_groups(named, plan())
    assert [group.match for group, _ in split] == ["*", "*.bias", "out.*"]  # nothing: left out
    assert [len(members) for _, members in split] == [1, 2, 1]
    assert split[1][1] == [named[1][1], named[3][1]]


def test_groups_as_torch_takes_them():
    groups = build_torch_groups(split_into_groups(parameters("in.weight", "in.bias"), plan()), 0.4)
    assert [{key: value for key, value in group.items() if key != "params"} for group in groups] == [
        {"lr": 0.4},
        {"lr": 0.2, "weight_decay": 0.0},
    ]


def test_the_student_has_its_own_names_and_parts_their_full_ones():
    named = name_parameters(parameters("student.in.bias", "losses.task/learned.scale"))
    assert [name for name, _ in named] == ["in.bias", "losses.task/learned.scale"]


def test_the_record_says_all_that_decides_a_step():
    assert plan(np.array([0.1, 0.5, 0.0]), GROUPS[:1]).as_json() == {
        "use": "sgd",
        "config": {"weight_decay": 0.0, "momentum": 0.5, "nesterov": False},
        "learning_rate": {"schedule": "cosine", "first": 0.1, "last": 0.0, "most": 0.5},
        "clip_norm": "off",
        "flat": False,
        "groups": [{"match": "*.bias", "learning_rate_factor": 0.5, "weight_decay": 0.0}],
    }
    adam = OptimizerPlan(Adam(), "adam", 5e-3, 1e-7, 0.1)
    assert adam.as_json()["learning_rate"] == {"schedule": "cosine", "first": 5e-3, "last": 1e-7, "most": 5e-3}
    assert adam.as_json()["clip_norm"] == 0.1
    assert adam.is_flat
    assert not OptimizerPlan(Torch(name="Adafactor"), "torch", 5e-3, 1e-7, 0.1).is_flat


def test_only_the_name_of_the_trained_model_goes():
    named = name_parameters(parameters("student.critic.bias", "critic.student.bias", "critic.weight"))
    assert [name for name, _ in named] == ["critic.bias", "student.bias", "weight"]
