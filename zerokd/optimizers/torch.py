"""Any optimizer of torch.optim."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, final

import torch
from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

import zerokd
from zerokd import Optimizer
from zerokd.errors import did_you_mean

ELEMENTWISE = frozenset(
    ["Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD"]
)  # Adafactor and Muon combine the elements of a matrix; of other classes nothing is known
RESERVED = {
    "lr": "the recipe's learning_rate sets it",
    "params": "zerokd passes the parameters",
    "maximize": "a stage minimizes its objective",
    **dict.fromkeys(
        ("foreach", "fused", "capturable", "differentiable"), "zerokd leaves the implementation to PyTorch"
    ),
}


def list_optimizer_names() -> list[str]:
    """The classes of torch.optim, without their base."""
    classes = vars(torch.optim).items()
    return [
        name
        for name, value in classes
        if isinstance(value, type) and issubclass(value, torch.optim.Optimizer) and value is not torch.optim.Optimizer
    ]


@final
class Torch(Optimizer):
    """Hands the table's other keys to a class of :mod:`torch.optim`, as keyword arguments.

    Formula: that of the class; its page in PyTorch's documentation has it.
    Source: https://docs.pytorch.org/docs/stable/optim.html
    Pitfalls: another version of PyTorch may have other classes, arguments and bits. ``LBFGS`` evaluates a step several
    times and ``SparseAdam`` needs sparse gradients: neither can train a stage. ``Rprop`` reads the learning rate at the
    first step only.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
        >>> weight.grad = torch.tensor([4.0])
        >>> Torch(name="RMSprop", alpha=0.75).create([{"params": [weight], "lr": 0.1}]).step()
        >>> weight.data  # the root of a quarter of 16 is 2
        tensor([0.8000])
    """

    class Config(zerokd.Config):
        model_config = ConfigDict(extra="allow")

        name: str = Field(description="a class of torch.optim; keys beside it are its arguments", examples=["RMSprop"])

        @model_validator(mode="before")
        @classmethod
        def _convert_arrays(cls, table: Any) -> Any:
            """A TOML array stands for a tuple."""
            if not isinstance(table, Mapping):
                return table
            return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}

        @model_validator(mode="after")
        def _validate_arguments(self) -> Torch.Config:
            details = list(_find_mistakes(self.name, self.arguments))
            if details:
                raise ValidationError.from_exception_data("torch", details)
            try:
                getattr(torch.optim, self.name)([torch.zeros(1, 1, requires_grad=True)], **self.arguments)
            except Exception as error:
                raise ValueError(f"torch.optim.{self.name} refuses its arguments: {error}") from None
            return self

        @property
        def arguments(self) -> dict[str, Any]:
            return dict(self.model_extra or {})

    examples = ({"name": "RMSprop", "alpha": 0.95}, {"name": "NAdam"}, {"name": "Adafactor"})

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.is_elementwise = self.config.name in ELEMENTWISE

    def create(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = getattr(torch.optim, self.config.name)(groups, **self.config.arguments)
        return optimizer


def _find_mistakes(name: str, arguments: Mapping[str, Any]) -> Iterator[InitErrorDetails]:
    """A class that does not exist, or each argument that it does not take or lacks."""
    if name not in list_optimizer_names():
        text = f"torch.optim has no optimizer of this name: {did_you_mean(name, list_optimizer_names())[0]}"
        yield _describe_mistake("name", name, text)
        return
    parameters = inspect.signature(getattr(torch.optim, name)).parameters
    names = [key for key in parameters if key not in RESERVED]
    for key, value in arguments.items():
        if key in RESERVED:
            yield _describe_mistake(key, value, f"not an argument of a recipe: {RESERVED[key]}")
        elif key not in names:
            text = f"torch.optim.{name} has no argument of this name: {did_you_mean(key, names)[0]}"
            yield _describe_mistake(key, value, text)
    for key in names:
        if parameters[key].default is inspect.Parameter.empty and key not in arguments:
            yield InitErrorDetails(type="missing", loc=(key,), input=dict(arguments))


def _describe_mistake(key: str, value: Any, text: str) -> InitErrorDetails:
    error = PydanticCustomError("optimizer_argument", "{text}", {"text": text})
    return InitErrorDetails(type=error, loc=(key,), input=value)
