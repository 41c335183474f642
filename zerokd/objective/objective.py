"""The objective: the only reduction over the batch, and the only sum."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from attrs import evolve, frozen
from torch import Tensor, nn

from zerokd.equation.expression import Series, value_at_step
from zerokd.errors import NumericError, Problem, RecipeError, did_you_mean
from zerokd.objective.composition import Number, Term, calling_place, compose_plan
from zerokd.objective.graph import Adaptation, Graph
from zerokd.objective.models import STUDENT, Average, ModelSet
from zerokd.objective.signals import SignalName
from zerokd.objective.stage_plan import ObjectivePlan
from zerokd.objective.weights import effective_weight
from zerokd.plugin.clock import Clock
from zerokd.plugin.contracts import Loss

if TYPE_CHECKING:
    from zerokd.proof.evidence import Evidence

StepNumbers = tuple[float, float, dict[str, float]]  # total, norm of its gradient, mean value of each term
PreparedTensors = tuple[Tensor, ...]
TRAINED_PARTS = ("losses", "adapters")  # of an objective; the student trains too


class ObjectiveResult(NamedTuple):
    """The objective at one step.

    Attributes:
        total: a scalar to call ``backward()`` on.
        values: one value per image, shape (N,), of every computed term, by label.
        weights: the effective weight of these terms at this step: coefficient of the group x weight of the term.
    """

    total: Tensor
    values: dict[str, Tensor]
    weights: dict[str, float]

    @property
    def contributions(self) -> dict[str, Tensor]:
        """What each term adds to the total: its weight times its mean over the batch, without gradient."""
        return {label: self.weights[label] * value.detach().mean() for label, value in self.values.items()}

    def detach(self) -> ObjectiveResult:
        """This result without its autograd graph."""
        values = {label: value.detach() for label, value in self.values.items()}
        return ObjectiveResult(self.total.detach(), values, self.weights)

    def check_finite(self) -> None:
        """Raise where a term's value is NaN or infinite; waits for the device.

        Raises:
            NumericError: naming every such term.
        """
        bad = [label for label, value in self.values.items() if not torch.isfinite(value).all()]
        if bad:
            hint = "skip this step, or look at the images and the parameters before it"
            raise NumericError(*(Problem(f"{label} is not finite", hints=(hint,)) for label in bad))

    def to_numbers(self, norm: Tensor) -> StepNumbers:
        """Total, the gradient's ``norm`` and each term's mean over the batch, with one host synchronisation."""
        means = torch.stack([*self.values.values()]).mean(dim=1)
        total, size, *values = torch.cat([self.total.view(1), norm.view(1), means]).tolist()
        return total, size, dict(zip(self.values, values, strict=True))


def to_tensor_like(numbers: Iterable[float], like: Tensor) -> Tensor:
    """Numbers as a tensor of the type and on the device of ``like``."""
    return torch.tensor([*numbers], dtype=like.dtype).to(like.device)


def merge_micro_batches(parts: Sequence[ObjectiveResult]) -> ObjectiveResult:
    """The result of a batch from those of its micro batches."""
    if len(parts) == 1:
        return parts[0]
    values = {label: torch.cat([part.values[label] for part in parts]) for label in parts[0].values}
    sizes = [len(next(iter(part.values.values()))) for part in parts]
    total = torch.stack([size * part.total for size, part in zip(sizes, parts, strict=True)]).sum() / sum(sizes)
    return ObjectiveResult(total, values, parts[0].weights)


@frozen(eq=False)
class CachedTensors:
    """What an objective computes from its images alone, whatever is trained: fixed tensors of its graph by name, and
    what losses prepared from their fixed ports by label, a tuple for each part of the batch."""

    tensors: Mapping[str, Tensor] = MappingProxyType({})
    prepared_ports: Mapping[str, tuple[PreparedTensors, ...]] = MappingProxyType({})


NOTHING_CACHED = CachedTensors()


class Objective(nn.Module):
    """``sum over terms of coefficient(group) * weight * mean over the batch of the term's values``.

    A module for any training loop: call it with a batch, call ``backward()`` on the result's total. It runs the models
    whose signals a step needs, each once; the student in the mode that you set, with gradient; all others in eval mode,
    without. ``parameters()`` are what trains: the student's, and those of adapters and losses. ``state_dict()`` holds
    these and the averages; frozen networks come from their files again. ``to()`` moves everything.

    Args:
        equation: the objective over groups of terms: ``"alpha*distillation + (1 - alpha)*task"``.
        terms: a :class:`~zerokd.Term` by ``"group.name"``.
        params: numbers of the equation: a number, a schedule, or an expression over other params as text.
        models: any modules by name. ``student`` trains, a :class:`~zerokd.Average` follows it, all others are frozen. A
            tensor that a module returns is the signal ``NAME.output`` (and ``NAME.enhanced``), a dict's entries are
            signals by their keys, every layer is ``NAME.features.LAYER``. Models take the signal ``low``.
        steps: the number of steps that the objective is followed for; needed where a schedule or ``when`` is used.
        steps_per_epoch: how many of them are one epoch; by default all.

    Raises:
        ZerokdError: with every problem, each at the line of Python that caused it.

    Example:
        >>> import torch, zerokd
        >>> student, teacher = torch.nn.Conv2d(3, 3, 1), torch.nn.Conv2d(3, 3, 1)
        >>> objective = zerokd.Objective(
        ...     "0.5*distillation",
        ...     terms={
        ...         "distillation.output": zerokd.Term(
        ...             "mse", on={"prediction": "student.output", "target": "teacher.output"}
        ...         )
        ...     },
        ...     models={"student": student, "teacher": teacher},
        ... )
        >>> result = objective(torch.rand(4, 3, 8, 8))
        >>> result.total.backward()
        >>> sorted(result.values), result.values["distillation.output"].shape
        (['distillation.output'], torch.Size([4]))
    """

    plan: ObjectivePlan
    models: ModelSet
    graph: Graph

    def __init__(
        self,
        equation: str,
        *,
        terms: Mapping[str, Term],
        params: Mapping[str, Number | str] | None = None,
        models: Mapping[str, nn.Module | Average] | None = None,
        steps: int | None = None,
        steps_per_epoch: int | None = None,
        name: str = "objective",
    ):
        super().__init__()
        place = calling_place()
        if steps is not None and (steps < 1 or (steps_per_epoch or steps) < 1):
            raise RecipeError(Problem(f"steps is {steps}, steps_per_epoch {steps_per_epoch}: both at least 1", place))
        clock = None if steps is None else Clock(steps, steps_per_epoch or steps)
        plan = compose_plan(equation, terms, params or {}, clock, name, place)
        self._set_up(plan, build_model_set(models or {}))

    @classmethod
    def from_plan(cls, plan: ObjectivePlan, models: ModelSet) -> Objective:
        """The objective of a plan that a recipe came to."""
        objective = cls.__new__(cls)
        nn.Module.__init__(objective)
        objective._set_up(plan, models)
        return objective

    def _set_up(self, plan: ObjectivePlan, models: ModelSet) -> None:
        self.plan, self.models = plan, models
        self.graph = graph = Graph(plan, models)
        if STUDENT in models.models:
            self.student = models.student
        self.losses = nn.ModuleDict({term.label.replace(".", "/"): term.loss for term in plan.terms})
        self.adapters = nn.ModuleList([call.adapter for call in graph.calls if isinstance(call, Adaptation)])
        self.monitored_labels = frozenset(term.label for term in plan.terms if term.monitor)
        self._loss_by_label = {term.label: term.loss for term in plan.terms}
        self.weights: dict[str, Series] = {
            term.label: 0.0
            if term.monitor
            else effective_weight(plan.coefficients[term.group], plan.weights[term.label])
            for term in plan.terms
        }
        self.step_masks = plan.step_masks
        series = [*self.weights.values(), *self.step_masks.values()]
        self._depends_on_step = any(isinstance(values, np.ndarray) for values in series)
        self.averages = {
            owner: average
            for owner, average in models.averages.items()
            if any(call.owner == owner for call in graph.forward_passes())
        }
        self._seen_version: int | None = None  # of the student's parameters at the last forward pass with gradient
        self._misses_after_step = True
        self.register_load_state_dict_post_hook(_forgive_frozen_keys)

    def forward(
        self, inputs: Tensor | Mapping[str, Tensor], step: int | None = None, cached: CachedTensors = NOTHING_CACHED
    ) -> ObjectiveResult:
        """The objective of a batch.

        Args:
            inputs: the batch that models take, or signals by name: ``{"low": images, "teacher.enhanced": targets}``.
                The first axis is N. A given signal wins over the model that would compute it.
            step: counts from 0; needed where a weight, param or ``when`` changes with it.
            cached: tensors of these images that need no computation.

        Raises:
            RecipeError: a signal is missing, sizes differ, or the step is out of range.
        """
        if isinstance(inputs, Tensor):
            inputs = {"low": inputs}
        weights = self.weights_at(self._check_step(step))
        if self.averages and torch.is_grad_enabled():
            self._notice_missing_after_step()
        values = self.values(inputs, weights, cached)
        like = next(iter(values.values()))
        return ObjectiveResult(self.total(values, to_tensor_like(weights.values(), like)), values, weights)

    def values(
        self, inputs: Mapping[str, Tensor], labels: Collection[str], cached: CachedTensors = NOTHING_CACHED
    ) -> dict[str, Tensor]:
        """The values of these terms per image, shape (N,), by label."""
        available = {**inputs, **cached.tensors} if cached.tensors else inputs
        self.require_signals(available, labels, cached.prepared_ports)
        tensors = self.graph.compute(available, self.graph.tensors_read_by(labels, cached.prepared_ports))
        return {label: self.value(label, tensors, cached.prepared_ports.get(label)) for label in labels}

    def require_signals(
        self,
        given: Mapping[str, Tensor],
        labels: Collection[str] | None = None,
        prepared_labels: Collection[str] = (),
    ) -> None:
        """Check that models and given tensors make every signal that these terms (by default all) read.

        Raises:
            RecipeError: a signal is missing, or given tensors differ in their first axis.
        """
        labels = self.weights if labels is None else labels
        outputs = self.graph.tensors_read_by(labels, prepared_labels)
        missing = self.graph.missing_signals(outputs, frozenset(given))
        if missing:
            raise self._missing_signals_error(missing, given, labels)
        if len(given) > 1:
            self._check_sizes(given)

    def total(self, values: Mapping[str, Tensor], weights: Tensor) -> Tensor:
        """The weighted sum of the terms' means, without monitored terms; ``weights`` has the order of ``values``."""
        counted = [index for index, label in enumerate(values) if label not in self.monitored_labels]
        weighted = [value for label, value in values.items() if label not in self.monitored_labels]
        means = torch.stack(weighted).mean(dim=1)
        return means @ (weights if len(counted) == len(values) else weights[counted]).to(means.dtype)

    def weights_at(self, step: int) -> dict[str, float]:
        """The effective weight of every term that a step computes, by label; a term of weight 0 is not computed."""
        weights = {}
        for label, series in self.weights.items():
            mask = self.step_masks[label]
            if mask is None or mask[step]:
                weight = value_at_step(series, step)
                if weight > 0 or label in self.monitored_labels:
                    weights[label] = weight
        return weights

    def computed_mask(self, label: str, step_count: int) -> np.ndarray:
        """The steps that compute a term, as a boolean array of ``step_count`` elements; see :meth:`weights_at`."""
        is_weighted = np.asarray(self.weights[label]) > 0 if label not in self.monitored_labels else np.True_
        mask = self.step_masks[label]
        return np.broadcast_to(is_weighted & (np.True_ if mask is None else mask), step_count)

    def peak_weights(self) -> dict[str, float]:
        """The largest effective weight of every term that trains."""
        weighted = self.weights.keys() - self.monitored_labels
        return {label: float(np.max(series)) for label, series in self.weights.items() if label in weighted}

    def value(
        self, label: str, tensors: Mapping[str, Tensor], prepared: Sequence[PreparedTensors] | None = None
    ) -> Tensor:
        """A term's value per image; ``prepared`` replaces its fixed ports, a tuple for each part of the batch."""
        if label in self.monitored_labels and torch.is_grad_enabled():
            with torch.no_grad():
                return self.value(label, tensors, prepared)
        loss, bound = self.loss(label), self.graph.bindings[label]
        if prepared is None:
            return loss(**{port: tensors[name] for port, name in bound.items()})
        moving = {port: tensors[name] for port, name in bound.items() if port not in self.graph.fixed_ports[label]}
        if len(prepared) == 1:
            return loss.compare(*prepared[0], **moving)
        sizes = [len(part[0]) for part in prepared]
        parts = {port: tensor.split(sizes) for port, tensor in moving.items()}
        rows = ({port: tensors[index] for port, tensors in parts.items()} for index in range(len(sizes)))
        return torch.cat([loss.compare(*part, **row) for part, row in zip(prepared, rows, strict=True)])

    def loss(self, label: str) -> Loss:
        """The loss of the term with this label."""
        return self._loss_by_label[label]

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the averages towards the student. Call it after each ``optimizer.step()``."""
        for average in self.averages.values():
            assert average.model is not None
            pairs = zip(average.model.parameters(), self.models.student.parameters(), strict=True)
            for averaged, current in pairs:
                averaged.lerp_(current.to(averaged.device), 1 - average.decay)
            for stored, current in zip(average.model.buffers(), self.models.student.buffers(), strict=True):
                stored.copy_(current)
        self._seen_version = None

    def prove(self, inputs: Tensor | Mapping[str, Tensor]) -> Evidence:
        """Verify on a few images that every term trains the student, and measure what each contributes.

        Parameters, buffers and the random state stay as they are.

        Raises:
            RecipeError: with every problem.
        """
        from zerokd import prove

        return prove(self, inputs)

    def to_toml(self) -> str:
        """This objective as the part of a recipe, which :func:`zerokd.compose` reads again.

        Raises:
            RecipeError: a loss, adapter or schedule is not registered under a name.
        """
        from zerokd import objective_to_toml

        return objective_to_toml(self)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """What trains: the student's parameters, and those of adapters and losses; frozen ones are left out."""
        for name, parameter in super().named_parameters(prefix, recurse, remove_duplicate):
            if parameter.requires_grad:
                yield name, parameter

    def part_parameters(self) -> Iterator[nn.Parameter]:
        """What trains of losses and adapters."""
        for part in TRAINED_PARTS:
            yield from (parameter for parameter in getattr(self, part).parameters() if parameter.requires_grad)

    def part_tensors(self) -> dict[str, Tensor]:
        """What a checkpoint stores of losses and adapters: trained parameters and buffers, by name."""
        return {
            f"{part}.{name}": tensor
            for part in TRAINED_PARTS
            for name, tensor in (*getattr(self, part).named_parameters(), *getattr(self, part).named_buffers())
            if tensor.requires_grad or not isinstance(tensor, nn.Parameter)
        }

    def _other_modules(self) -> dict[str, nn.Module]:
        """Frozen models and averages, which are no submodules: they do not train and are no part of the state."""
        others = {owner: self.models.get_model(owner) for owner in self.models.owners if owner != STUDENT}
        return {owner: module for owner, module in others.items() if module is not getattr(self, STUDENT, None)}

    def _apply(self, fn: Any, recurse: bool = True) -> Objective:
        super()._apply(fn, recurse)
        for module in self._other_modules().values():
            module._apply(fn, recurse)
        return self

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for owner, average in self.averages.items():
            assert average.model is not None
            average.model.state_dict(destination=destination, prefix=f"{prefix}averages.{owner}.", keep_vars=keep_vars)

    def state_dict(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Tensors that training changes: of the student, adapters, losses and averages; no frozen network."""
        state: dict[str, Any] = super().state_dict(*arguments, **options)
        prefix = options.get("prefix", arguments[1] if len(arguments) > 1 else "")
        for key in self._frozen_keys():
            state.pop(f"{prefix}{key}", None)
        return state

    def _frozen_keys(self) -> list[str]:
        """The parameters of frozen networks inside losses and adapters."""
        return [
            f"{part}.{name}"
            for part in TRAINED_PARTS
            for name, parameter in getattr(self, part).named_parameters()
            if not parameter.requires_grad
        ]

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, *problems: Any
    ) -> None:
        missing_keys, unexpected_keys, error_messages = problems
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_messages
        )
        unexpected_keys[:] = [key for key in unexpected_keys if not key.startswith(f"{prefix}averages.")]
        for owner, average in self.averages.items():
            assert average.model is not None
            start = f"{prefix}averages.{owner}."
            own = {key.removeprefix(start): value for key, value in state_dict.items() if key.startswith(start)}
            found = average.model.load_state_dict(own, strict=False)
            missing_keys += [f"{start}{key}" for key in found.missing_keys]
            unexpected_keys += [f"{start}{key}" for key in found.unexpected_keys]

    def _check_step(self, step: int | None) -> int:
        if not self._depends_on_step:
            return 0
        if step is None:
            text = f"{self.plan.name}: weights change with the step, and the call gives no step"
            raise RecipeError(Problem(text, self.plan.place, ("call objective(batch, step=step), from 0",)))
        if not 0 <= step < self.plan.clock.steps:
            text = f"{self.plan.name}: step {step} is not in [0, {self.plan.clock.steps - 1}]"
            raise RecipeError(Problem(text, self.plan.place, ("steps= says how many steps there are",)))
        return step

    def _notice_missing_after_step(self) -> None:
        """Warn once where the student has moved and its averages have not."""
        version = sum(parameter._version for parameter in self.models.student.parameters())
        if self._misses_after_step and self._seen_version not in (None, version):
            names = ", ".join(map(repr, self.averages))
            text = f"the average {names} stands still: call objective.after_step() after each optimizer.step()"
            warnings.warn(text, stacklevel=4)
            self._misses_after_step = False
        self._seen_version = version

    def _check_sizes(self, inputs: Mapping[str, Tensor]) -> None:
        (first, size), *others = ((name, len(tensor)) for name, tensor in inputs.items())
        for name, other in others:
            if other != size:
                text = f"{self.plan.name}: {first!r} has {size} images and {name!r} has {other}"
                raise RecipeError(Problem(text, self.plan.place, ("the first axis of every signal is the batch",)))

    def _missing_signals_error(
        self, missing: Collection[str], given: Mapping[str, Tensor], labels: Collection[str]
    ) -> RecipeError:
        problems = []
        known = [*given, *self.models.owners]
        for term in self.plan.terms:
            for port, text in term.bindings.items() if term.label in labels else ():
                owner = SignalName.parse(text).owner
                if text in missing or (owner in self.models.owners and self._input_of(owner) in missing):
                    lacks = text if text in missing else self._input_of(owner)
                    message = f"{term.label}: port {port!r} reads {text!r}, and the signal {lacks!r} is missing"
                    hints = ("give it in the call, or give the model that computes it", *did_you_mean(lacks, known))
                    problems.append(Problem(message, term.port_places[port], hints, code="unknown-signal"))
        return RecipeError(*problems or [Problem(f"missing signals: {', '.join(sorted(missing))}", self.plan.place)])

    def _input_of(self, owner: str) -> str:
        return next(call.reads[0] for call in self.graph.forward_passes() if call.owner == owner)


def build_model_set(models: Mapping[str, nn.Module | Average]) -> ModelSet:
    """Models and averages by name; an average without a model of its own starts as a copy of its source."""
    modules = {name: model for name, model in models.items() if isinstance(model, nn.Module)}
    averages = {}
    for name, model in models.items():
        if isinstance(model, Average):
            if model.source_name not in modules:
                text = f"an average follows {model.source_name!r}, and no such model is given"
                raise RecipeError(Problem(text, calling_place(), did_you_mean(model.source_name, modules)))
            copied = copy.deepcopy(modules[model.source_name]) if model.model is None else model.model
            averages[name] = evolve(model, model=copied.requires_grad_(False).eval())
        elif not isinstance(model, nn.Module):
            text = f"models[{name!r}] is {type(model).__name__}, neither a torch.nn.Module nor a zerokd.Average"
            raise RecipeError(Problem(text, calling_place()))
    student = modules.get(STUDENT)
    if student is not None and not any(parameter.requires_grad for parameter in student.parameters()):
        text = f"models[{STUDENT!r}] has no parameter that requires gradient: nothing would train"
        raise RecipeError(Problem(text, calling_place(), code="no-gradient"))
    return ModelSet(modules, averages)


def _forgive_frozen_keys(objective: Objective, incompatible: Any) -> None:
    """Frozen networks inside losses are not part of the state; their weights come from their files."""
    forgiven = objective._frozen_keys()
    incompatible.missing_keys[:] = [key for key in incompatible.missing_keys if not key.endswith(tuple(forgiven))]
