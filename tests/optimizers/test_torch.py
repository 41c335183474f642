"""Classes of torch.optim by name."""

import pytest
import torch
from pydantic import ValidationError

from tests.optimizers.test_adam import run
from zerokd.optimizers.sgd import Sgd
from zerokd.optimizers.torch import ELEMENTWISE, Torch, list_optimizer_names


def mistakes(**options):
    with pytest.raises(ValidationError) as caught:
        Torch(**options)
    return {error["loc"]: error["msg"] for error in caught.value.errors()}


def test_the_keys_are_the_arguments_of_the_class():
    options = {"momentum": 0.5, "weight_decay": 0.25, "nesterov": True}
    assert run(Torch(name="SGD", **options), (1.0, -3.0)) == run(Sgd(**options), (1.0, -3.0))
    assert Torch(name="Adam", betas=[0.5, 0.75]).config.arguments == {"betas": (0.5, 0.75)}


def test_every_class_is_known_and_none_else():
    names = list_optimizer_names()
    assert {"Adam", "RMSprop", "NAdam", "LBFGS"} <= set(names)
    assert "Optimizer" not in names
    assert set(names) >= ELEMENTWISE
    assert Torch(name="NAdam").is_elementwise
    assert not Torch(name="Adafactor").is_elementwise


def test_a_wrong_argument_is_reported_at_its_key_with_the_nearest_name():
    assert mistakes(name="RMSprop", alpa=0.5) == {
        ("alpa",): "torch.optim.RMSprop has no argument of this name: did you mean 'alpha'?"
    }
    assert "did you mean 'RMSprop'?" in mistakes(name="RMSProp")[("name",)]
    assert "the recipe's learning_rate sets it" in mistakes(name="SGD", lr=0.1)[("lr",)]
    assert "a stage minimizes" in mistakes(name="SGD", maximize=True)[("maximize",)]
    assert mistakes()[("name",)] == "Field required"


def test_an_argument_that_the_class_lacks_is_missing(monkeypatch):
    class Demanding(torch.optim.SGD):
        def __init__(self, params, lr=0.1, *, period):
            super().__init__(params, lr=lr)

    monkeypatch.setattr(torch.optim, "Demanding", Demanding, raising=False)
    assert mistakes(name="Demanding") == {("period",): "Field required"}
    assert Torch(name="Demanding", period=3).config.arguments == {"period": 3}


def test_the_class_itself_refuses_a_value():
    assert "RMSprop refuses its arguments: Invalid momentum value: -1.0" in mistakes(name="RMSprop", momentum=-1.0)[()]
