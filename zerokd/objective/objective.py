"""The objective: the only reduction over the batch, and the only sum."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from zerokd.equation.expression import Series, value_at_step
from zerokd.errors import calling_place
from zerokd.objective.cached_tensors import NOTHING_CACHED, CachedTensors, PreparedTensors
from zerokd.objective.calls import Adaptation
from zerokd.objective.composition import compose_plan
from zerokd.objective.declaration import Number, Term, make_clock, warn_of_fallbacks
from zerokd.objective.graph import Graph
from zerokd.objective.models import Average, ModelSet, build_model_set
from zerokd.objective.parts import ObjectiveParts, forgive_frozen_keys
from zerokd.objective.plugin_calls import compute_terms
from zerokd.objective.result import ObjectiveResult, to_tensor_like
from zerokd.objective.signal_checks import require_equal_sizes, require_signals, require_step
from zerokd.objective.stage_plan import ObjectivePlan
from zerokd.objective.term import signal_owners
from zerokd.objective.view import View
from zerokd.objective.weights import effective_weight
from zerokd.plugin.contracts import Loss

if TYPE_CHECKING:
    from zerokd import Evidence


class Objective(ObjectiveParts):
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
            signals by their keys, every layer is ``NAME.features.LAYER``, ``NAME.parameters`` all parameters. Models
            run on the signal ``low``; ``NAME(signal).output`` is the output on another one.
        signals: a :class:`~zerokd.View` by name: a signal that is computed from another.
        steps: the number of steps that the objective is followed for; needed where a schedule or ``when`` is used.
        steps_per_epoch: how many of them are one epoch; by default all.

    Raises:
        ZerokdError: with every problem, each at the line of Python that caused it.

    Examples:
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
    graph: Graph
    if TYPE_CHECKING:  # torch.nn.Module declares that a call returns anything

        def __call__(
            self, inputs: Tensor | Mapping[str, Tensor], step: int | None = None, cached: CachedTensors = ...
        ) -> ObjectiveResult: ...

    def __init__(
        self,
        equation: str,
        *,
        terms: Mapping[str, Term],
        params: Mapping[str, Number | str] | None = None,
        models: Mapping[str, nn.Module | Average] | None = None,
        signals: Mapping[str, View] | None = None,
        steps: int | None = None,
        steps_per_epoch: int | None = None,
        name: str = "objective",
    ):
        super().__init__()
        place = calling_place()
        clock = make_clock(steps, steps_per_epoch, place)
        plan = compose_plan(equation, terms, params or {}, signals or {}, clock, name, place)
        self._set_up(plan, build_model_set(models or {}, place, signal_owners(plan.terms)))
        warn_of_fallbacks((text for term in plan.terms for text in term.loss.fallbacks), place)

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
        if models.trained in models.models:
            self.add_module(models.trained, models.trained_model)
        self.losses = nn.ModuleDict({term.label.replace(".", "/"): term.loss for term in plan.terms})
        self.adapters = nn.ModuleList([call.adapter for call in graph.calls if isinstance(call, Adaptation)])
        self.monitored_labels = frozenset(term.label for term in plan.terms if term.monitor)
        self._term_by_label = {term.label: term for term in plan.terms}
        self.weights: dict[str, Series] = {
            term.label: 0.0
            if term.monitor
            else effective_weight(plan.coefficients[term.group], plan.weights[term.label])
            for term in plan.terms
        }
        self.step_masks = plan.step_masks
        series = (*self.weights.values(), *self.step_masks.values())
        self._depends_on_step = any(isinstance(values, np.ndarray) for values in series)
        self.averages = {
            owner: average
            for owner, average in models.averages.items()
            if any(call.owner == owner for call in graph.forward_passes())
        }
        self._verified_inputs: set[tuple[tuple[str, ...], ...]] = set()
        self.register_load_state_dict_post_hook(forgive_frozen_keys)

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
        inputs = self.graph.complete_inputs(inputs)
        weights = self.weights_at(require_step(self.plan, step) if self._depends_on_step else 0)
        if self.averages and torch.is_grad_enabled():
            self.notice_missing_after_step()
        values = self.values(inputs, weights, cached)
        by_term = to_tensor_like(weights.values(), next(iter(values.values())))
        return ObjectiveResult(self.total(values, by_term), values, weights)

    def values(
        self, inputs: Mapping[str, Tensor], labels: Collection[str], cached: CachedTensors = NOTHING_CACHED
    ) -> dict[str, Tensor]:
        """The values of these terms per image, shape (N,), by label."""
        available = {**inputs, **cached.tensors} if cached.tensors else inputs
        self.require_signals(available, labels, cached.prepared_ports)
        tensors = self.graph.compute(available, self.graph.tensors_read_by(labels, cached.prepared_ports))
        return compute_terms(self.value, [self._term_by_label[label] for label in labels], tensors, cached)

    def require_signals(
        self,
        inputs: Mapping[str, Tensor],
        labels: Collection[str] | None = None,
        prepared_labels: Collection[str] = (),
    ) -> None:
        """Check that models and given tensors make every signal that these terms (by default all) read.

        Raises:
            RecipeError: a signal is missing, or given tensors differ in their first axis.
        """
        labels = self.weights if labels is None else labels
        key = (tuple(inputs), tuple(labels), tuple(prepared_labels))
        if key not in self._verified_inputs:
            require_signals(self.plan, self.graph, inputs, labels, prepared_labels)
            self._verified_inputs.add(key)
        if len(inputs) > 1:
            require_equal_sizes(inputs, self.plan.place)

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
        return self._term_by_label[label].loss

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
