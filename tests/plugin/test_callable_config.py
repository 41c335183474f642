"""Keys are the arguments that TOML can express; the others are fixed, left alone, or an error with a remedy."""

from typing import Any, Literal

import pytest
import torch
from pydantic import Field, ValidationError
from torch import Tensor
from torch.nn import functional as F

from zerokd.errors import PluginError
from zerokd.plugin.callable_config import build_callable_config
from zerokd.plugin.config_keys import list_config_keys


def measure(
    image: Tensor,
    target: Tensor,
    sigma: float = 1.5,
    mode: Literal["mean", "max"] = "mean",
    sides: tuple[int, int] = (3, 5),
    limit: float | None = None,
    weights: Tensor | None = None,
    *,
    power=2,
    untyped=None,
):
    """Takes what TOML can express, and what it cannot."""


class Measure:
    def __init__(self, window: int, normalize: bool = False):
        """Takes no tensor before it is called."""


def build(wrapped, count=2, fixed=(), **fields):
    return build_callable_config(wrapped, positional_count=count, fixed=dict(fixed), fields=fields)


def test_keys_have_the_types_and_defaults_of_the_arguments():
    keys = {key.key: (key.type, key.default) for key in list_config_keys(build(measure))}
    assert keys == {
        "sigma": ("number", 1.5),
        "mode": ('"mean" or "max"', "mean"),
        "sides": ("[integer, integer]", [3, 5]),
        "limit": ("number", None),
        "power": ("integer", 2),
    }


def test_a_class_gives_the_arguments_of_its_constructor():
    required = {key.key: key.required for key in list_config_keys(build(Measure))}
    assert required == {"window": True, "normalize": False}


def test_values_are_validated():
    config = build(measure, sigma=Field(gt=0.0, description="width of the window, pixels"))
    assert config(sides=[1, 2]).sides == (1, 2)
    for wrong in ({"sigma": 0.0}, {"sigma": "1"}, {"mode": "min"}, {"weights": 1}, {"sides": [1]}):
        with pytest.raises(ValidationError):
            config(**wrong)


def test_a_declared_field_adds_bounds_and_keeps_the_default():
    (key, *_) = list_config_keys(build(measure, sigma=Field(gt=0.0, description="width of the window, pixels")))
    assert (key.bounds, key.default, key.description) == ("(0, inf)", 1.5, "width of the window, pixels")
    (key, *_) = list_config_keys(build(measure, sigma=Field(3.0, gt=0.0)))
    assert (key.default, key.description) == (3.0, "argument 'sigma' of tests.measure")


def test_a_fixed_argument_is_no_key():
    assert "sigma" not in build(measure, fixed={"sigma": 2.0}).model_fields


@pytest.mark.parametrize(
    ("wrapped", "fixed", "message", "hint"),
    [
        (lambda image, target, network: 0, {}, "needs 'network', whose type no recipe can", 'fixed={"network": ...}'),
        (lambda image: 0, {}, "takes 1 tensors first, and 2 ports", "one port for each of its first arguments"),
        (measure, {"sgima": 1}, "has no argument sgima", "it has sigma, mode"),
        (lambda image, target, on=True: 0, {}, "keys of the recipe: on", 'fixed={"on": ...}'),
        (torch.add, {}, "cannot be read", "wrap a Python function that calls it"),
    ],
)
def test_a_signature_that_does_not_fit_is_an_error_at_the_users_line(wrapped, fixed, message, hint):
    with pytest.raises(PluginError, match=message) as caught:
        build_callable_config(wrapped, positional_count=2, fixed=fixed, fields={}, reserved_keys=("use", "on"))
    assert hint in str(caught.value)
    assert caught.value.problems[0].place.file == __file__


def test_any_keyword_may_be_fixed_where_the_function_takes_any():
    def open_ended(image: Tensor, target: Tensor, **options: Any):
        """Takes any keyword."""

    assert build(open_ended, fixed={"anything": 1}).model_fields == {}


def test_a_tensor_argument_with_a_default_stays_with_the_library():
    config = build(F.mse_loss, fixed={"reduction": "none"})
    assert "weight" not in config.model_fields
