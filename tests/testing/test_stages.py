"""Every rule of stages fails on a stage with that defect."""

import pytest
import torch

import zerokd
from tests.testing.planted import failing
from zerokd.testing.collection import RULES_BY_KIND

DOC = "A test.\n\nSource: none.\n"


class Good(zerokd.Stage):
    __doc__ = DOC


def variant(**names):
    return type("Planted", (Good,), {"__doc__": DOC, **names})


PLANTED = {
    "roles": variant(reads=("student", "professor")),
    "inputs": variant(inputs=lambda self, batch: {"image": batch.low}),
    "image_alone": variant(inputs=lambda self, batch: {"low": batch.low, "centred": batch.low - batch.low.mean()}),
}


def test_a_good_stage_passes_everything():
    assert failing("stages", Good) == {}


def test_every_rule_has_its_defect():
    assert {rule.name for rule in RULES_BY_KIND["stages"]} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_only_the_check_of_its_defect_fails(name):
    assert set(failing("stages", PLANTED[name])) == {name}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"reads": ("student",), "needs": ("student", "teacher")}, "needs ['teacher'] and does not read it"),
        ({"needs": ()}, "does not need the student"),
    ],
)
def test_roles_fit(names, message):
    assert message in failing("stages", variant(**names))["roles"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (lambda self, batch: {"low": batch.low.mul_(0.5)}, "writes to the batch"),
        (lambda self, batch: {"low": batch.low, "noise": torch.rand(3)}, "global random generator"),
        (lambda self, batch: {"low": batch.low, "one": batch.low[:1]}, "not a tensor of the batch's length"),
        (lambda self, batch: {"low": batch.low, "log": torch.log(batch.low * 0)}, "not finite"),
    ],
)
def test_inputs_are_the_batchs_own(inputs, message):
    assert message in failing("stages", variant(inputs=inputs))["inputs"]
