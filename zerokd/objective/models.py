"""The models of an objective: the trained student, frozen models, and moving averages of the student."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import torch
from attrs import field, frozen, validators
from torch import Tensor, nn

from zerokd.plugin.contracts import Model
from zerokd.plugin.ports import Signal

STUDENT = "student"  # the name of the trained model; all others are frozen


class Role(StrEnum):
    """What a model is to an objective."""

    STUDENT = "student"
    TEACHER = "teacher"  # any frozen model
    EMA = "ema"  # any moving average


@frozen(eq=False)
class Average:
    """An exponential moving average of a model: the same architecture; each step keeps the share ``decay`` of it.

    ``zerokd.Average("student", decay=0.999)`` follows the student of an objective; its ``model`` starts as a copy.
    """

    source_name: str = STUDENT
    model: nn.Module | None = None
    decay: float = field(default=0.999, validator=[validators.ge(0.0), validators.lt(1.0)])


@frozen(eq=False)
class ModelSet:
    """Every model that signals may come from, by name.

    The student's layers compute in ``student_dtype`` (None: float32). ``frozen_per_image`` runs frozen models image by
    image on a CPU, so that an image has the same bits in every batch; a cache of their outputs asks for that.
    """

    models: dict[str, nn.Module]
    averages: dict[str, Average]
    student_dtype: torch.dtype | None = field(default=None, kw_only=True)
    frozen_per_image: bool = field(default=False, kw_only=True)

    @property
    def student(self) -> nn.Module:
        return self.models[STUDENT]

    @property
    def owners(self) -> list[str]:
        """The names of all models and averages."""
        return [*self.models, *self.averages]

    def get_role(self, owner: str) -> Role:
        """What the model of that name is."""
        return Role.STUDENT if owner == STUDENT else Role.EMA if owner in self.averages else Role.TEACHER

    def get_model(self, owner: str) -> nn.Module:
        """The model or average of that name."""
        average = self.averages.get(owner)
        return self.models[owner] if average is None or average.model is None else average.model


def declared_outputs(model: nn.Module) -> dict[str, Signal] | None:
    """What a model declares of its outputs, by name; None for a plain module, which declares nothing."""
    return model.outputs() if isinstance(model, Model) else None


def name_outputs(outputs: object) -> dict[str, Tensor]:
    """A module's outputs by name: a tensor is ``output`` (and ``enhanced``), a mapping has its keys, a sequence its
    indices; what is no tensor is left out."""
    if isinstance(outputs, Tensor):
        return {"output": outputs, "enhanced": outputs}
    if isinstance(outputs, tuple | list):
        outputs = {str(index): value for index, value in enumerate(outputs)}
    pairs = outputs.items() if isinstance(outputs, Mapping) else ()
    return {str(name): value for name, value in pairs if isinstance(value, Tensor)}
