"""The models of an objective: the trained student, frozen models, and moving averages of the student."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum

import torch
from attrs import evolve, field, frozen, validators
from torch import Tensor, nn

from zerokd.errors import Place, Problem, RecipeError, did_you_mean
from zerokd.plugin.contracts import Critic, Model
from zerokd.plugin.ports import Signal

STUDENT = "student"  # the name of the trained model; all others are frozen
CRITIC, SCORE = "critic", "score"  # the name of a stage's second player, and of its output


class Role(StrEnum):
    """What a model is to an objective."""

    STUDENT = "student"
    TEACHER = "teacher"  # any frozen model
    EMA = "ema"  # any moving average
    OPPONENT = "opponent"  # the other player of a stage, which trains on an objective of its own


@frozen
class Average:
    """An exponential moving average of a model, as one of the ``models`` of an objective.

    Args:
        source_name: the name of the model that it follows, and starts as a copy of.
        decay: the share of the average that each step keeps, in [0, 1).
    """

    source_name: str = STUDENT
    decay: float = field(default=0.999, validator=[validators.ge(0.0), validators.lt(1.0)])


@frozen(eq=False)
class AveragedModel:
    """A moving average with its tensors: a ``model`` of the architecture of its source."""

    source_name: str
    model: nn.Module
    decay: float


@frozen(eq=False)
class ModelSet:
    """Every model that signals may come from, by name.

    The student's layers compute in ``student_dtype`` (None: float32). ``frozen_per_image`` runs frozen models image by
    image on a CPU, so that an image has the same bits in every batch; a cache of their outputs asks for that.
    ``trained`` names the model that the objective trains, ``opponents`` those that another objective trains.
    """

    models: dict[str, nn.Module]
    averages: dict[str, AveragedModel]
    trained: str = field(default=STUDENT, kw_only=True)
    opponents: frozenset[str] = field(default=frozenset(), kw_only=True)
    student_dtype: torch.dtype | None = field(default=None, kw_only=True)
    frozen_per_image: bool = field(default=False, kw_only=True)

    @property
    def trained_model(self) -> nn.Module:
        """The model that the objective trains."""
        return self.models[self.trained]

    @property
    def owners(self) -> list[str]:
        """The names of all models and averages."""
        return [*self.models, *self.averages]

    def get_role(self, owner: str) -> Role:
        """What the model of that name is."""
        if owner in self.opponents:
            return Role.OPPONENT
        return Role.STUDENT if owner == self.trained else Role.EMA if owner in self.averages else Role.TEACHER

    def get_model(self, owner: str) -> nn.Module:
        """The model or average of that name."""
        return self.averages[owner].model if owner in self.averages else self.models[owner]


def declared_outputs(model: nn.Module) -> dict[str, Signal] | None:
    """What a model declares of its outputs, by name; None for a plain module, which declares nothing."""
    if isinstance(model, Critic):
        return {SCORE: Signal()}
    return model.outputs() if isinstance(model, Model) else None


def name_outputs(outputs: object, owner: str = STUDENT) -> dict[str, Tensor]:
    """A module's outputs by name: a tensor is ``output`` (and ``enhanced``, of a critic ``score``), a mapping has its
    keys, a sequence its indices; what is no tensor is left out."""
    if isinstance(outputs, Tensor):
        return {"output": outputs, SCORE if owner == CRITIC else "enhanced": outputs}
    if isinstance(outputs, tuple | list):
        outputs = {str(index): value for index, value in enumerate(outputs)}
    pairs = outputs.items() if isinstance(outputs, Mapping) else ()
    return {str(name): value for name, value in pairs if isinstance(value, Tensor)}


def build_model_set(
    models: Mapping[str, nn.Module | Average], place: Place, owners: Collection[str] | None = None
) -> ModelSet:
    """Models and averages by name; an average starts as a copy of its source.

    Raises:
        RecipeError: something is no model, is given twice, is a student that cannot train, or is not one of the
            ``owners`` that terms read; at ``place``.
    """
    problems = [*_find_model_problems(models)]
    if owners is not None:
        read = {STUDENT, *owners}
        for name in sorted(models.keys() - read):
            text, hints = f"no term reads the model {name!r}", did_you_mean(name, sorted(read))
            problems.append(Problem(text, hints=hints, code="unknown-signal"))
    if problems:
        raise RecipeError(*(evolve(problem, place=place) for problem in problems))
    modules = {name: model for name, model in models.items() if isinstance(model, nn.Module)}
    averages = {
        name: AveragedModel(average.source_name, copy_for_average(modules[average.source_name]), average.decay)
        for name, average in models.items()
        if isinstance(average, Average)
    }
    return ModelSet(modules, averages)


def copy_for_average(source: nn.Module) -> nn.Module:
    """A frozen copy of a model, for its average to start from."""
    return copy.deepcopy(source).requires_grad_(False).eval()


def _find_model_problems(models: Mapping[str, nn.Module | Average]) -> Iterator[Problem]:
    names: dict[int, str] = {}
    for name, model in models.items():
        if isinstance(model, Average):
            if not isinstance(models.get(model.source_name), nn.Module):
                text = f"the average {name!r} follows {model.source_name!r}, and no such model is given"
                yield Problem(text, hints=did_you_mean(model.source_name, models), code="unknown-signal")
            elif model.source_name != STUDENT:
                text = (
                    f"the average {name!r} follows {model.source_name!r}, which never changes: only {STUDENT!r} trains"
                )
                yield Problem(text, code="unknown-signal")
        elif not isinstance(model, nn.Module):
            text = f"models[{name!r}] is {type(model).__name__}, neither a torch.nn.Module nor a zerokd.Average"
            yield Problem(text, code="wrong-value")
        elif names.setdefault(id(model), name) != name:
            hint = "copy.deepcopy makes two of it; zerokd.Average follows a student"
            yield Problem(f"models {names[id(model)]!r} and {name!r} are one module", hints=(hint,), code="wrong-value")
    student = models.get(STUDENT)
    if isinstance(student, nn.Module) and not any(weight.requires_grad for weight in student.parameters()):
        text = f"models[{STUDENT!r}] has no parameter that requires gradient: nothing would train"
        yield Problem(text, code="no-gradient")
