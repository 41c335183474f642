"""An optimizer that cannot train a stage is refused before the first step."""

import math

import pytest
import torch
from attrs import evolve

import zerokd
from zerokd.errors import RecipeError
from zerokd.objective.objective import Objective
from zerokd.proof.optimizer_trial import try_optimizer


class Steps(torch.optim.SGD):
    """Gradient descent with a count that is no tensor."""

    def step(self):
        super().step()
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["count"] = 3


class Counting(zerokd.Optimizer):
    def create(self, groups):
        return Steps(groups)


class Exploding(zerokd.Optimizer):
    def create(self, groups):
        return torch.optim.SGD([{**group, "lr": math.inf} for group in groups])


@pytest.fixture
def trial(build):
    def trial(optimizer="{}", plugin=None):
        components = build(f"stages.distill.optimizer={optimizer}")
        stage = components.stages[1]
        plan = evolve(stage.optimizer, plugin=plugin or stage.optimizer.plugin)
        objective = Objective.from_plan(stage, components)
        before = {name: value.clone() for name, value in components.student.state_dict().items()}
        try:
            try_optimizer(plan, objective)
        except RecipeError as error:
            return [problem.message for problem in error.problems]
        finally:
            after = components.student.state_dict()
            assert all(torch.equal(before[name], after[name]) for name in before)
        return []

    return trial


@pytest.mark.parametrize("use", ["adam", "adamw", "sgd", "lion"])
def test_built_in_optimizers_take_a_step_and_change_nothing(trial, use):
    assert trial(f"{{use='{use}', groups=[{{match='*.bias', weight_decay=0.0}}]}}") == []


@pytest.mark.parametrize("name", ["RMSprop", "Adagrad", "NAdam", "RAdam", "Adadelta", "Adamax", "ASGD", "Adafactor"])
def test_classes_of_torch_take_a_step(trial, name):
    assert trial(f"{{use='torch', name='{name}'}}") == []


def test_a_pattern_without_parameters_is_refused(trial):
    group = "{match='e_conv9.*'}, {match='*.bias'}, {match='e_conv1.*.bias'}"
    assert trial(f"{{groups=[{group}]}}") == [
        "the pattern 'e_conv9.*' matches no trained parameter",
        "the pattern 'e_conv1.*.bias' has no parameter left: earlier patterns match all of its own",
    ]


@pytest.mark.parametrize(("name", "reason"), [("LBFGS", "closure"), ("SparseAdam", "dense"), ("Muon", "2D")])
def test_a_class_that_cannot_train_the_student_is_refused(trial, name, reason):
    (message,) = trial(f"{{use='torch', name='{name}'}}")
    assert message.startswith("optimizer 'torch' cannot train these parameters: ")
    assert reason in message


def test_a_group_with_a_decay_that_the_optimizer_lacks_is_refused(trial):
    group = "groups=[{match='*.bias', weight_decay=0.0}]"
    assert trial(f"{{use='torch', name='Rprop', {group}}}") == [
        "weight_decay in a group: optimizer 'torch' has no weight decay"
    ]


def test_a_state_that_no_checkpoint_stores_is_refused(trial):
    assert trial(plugin=Counting()) == [
        "optimizer 'adam' has a state 'count' that is no tensor, so no checkpoint can store it"
    ]


def test_a_step_to_infinity_is_refused(trial):
    (message,) = trial(plugin=Exploding())
    assert message.startswith("a step of optimizer 'adam' makes e_conv1.depth_conv.")
    assert message.endswith(" not finite")
