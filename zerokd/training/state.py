"""What a stage's training changes: the student, what averages it, the optimizer. Everything else is a pure function of
the step, so this is all that a checkpoint has to keep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zerokd.objective.models import STUDENT, Average
from zerokd.objective.objective import Objective
from zerokd.objective.stage_plan import StagePlan
from zerokd.recipe.build.components import Components
from zerokd.training.checkpoint import add_prefix, select_prefix
from zerokd.training.flat_parameters import FlatParameters, flatten_parameters

OBJECTIVE, OPTIMIZER, AGGREGATOR = ".objective", ".optimizer", ".aggregator"  # no model's name starts with a dot


class StageState:
    """One stage's networks, averages and optimizer at their start."""

    def __init__(self, stage: StagePlan, objective: Objective, components: Components):
        self.stage, self.objective, self.student = stage, objective, components.student
        read = {call.owner for call in objective.graph.forward_passes()}
        self.averages = {owner: one for owner, one in components.averages.items() if owner in read}
        for average in self.averages.values():  # restarted, so that it never remembers weights from before its stage
            average.model.load_state_dict(self.student.state_dict())
        self.parameters = [parameter for parameter in self.student.parameters() if parameter.requires_grad]
        self.has_buffers = any(True for _ in self.student.buffers())
        device = self.parameters[0].device
        self.aggregator = stage.aggregator.to(device) if stage.aggregator else None
        self.flat_student = flatten_parameters(self.parameters)
        self.flat_parameters = [
            *self.flat_student,
            *flatten_parameters(parameter for parameter in objective.parameters() if parameter.requires_grad),
        ]
        self.flat_averages = {owner: self._flatten_average(average) for owner, average in self.averages.items()}
        settings = stage.optimizer
        self.optimizer = torch.optim.Adam(
            [flat_parameter.values for flat_parameter in self.flat_parameters],
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=device.type in ("cpu", "cuda"),
        )

    def _flatten_average(self, average: Average) -> list[FlatParameters]:
        """An average's parameters, laid out as the student's that it follows; others never change."""
        pairs = zip(average.model.parameters(), self.student.parameters(), strict=True)
        return flatten_parameters(kept for kept, new in pairs if new.requires_grad)

    def buffers(self) -> list[Tensor]:
        """The student's, as they are now: a module may put another tensor in the place of one."""
        return [*self.student.buffers()] if self.has_buffers else []

    def zero_grad(self) -> None:
        """Set the stored gradient to 0."""
        for flat_parameter in self.flat_parameters:
            flat_parameter.gradient.zero_()

    def set_gradient(self, gradient: Tensor) -> None:
        """Give the student's parameters another gradient (P,) than the stored one."""
        for one, its in zip(
            self.flat_student, gradient.split([one.values.numel() for one in self.flat_student]), strict=True
        ):
            one.gradient.copy_(its)

    def clip_grad_norm(self) -> Tensor:
        """Limit the norm of the stored gradient as a whole; returns what it was before."""
        norms = [torch.linalg.vector_norm(flat_parameter.gradient) for flat_parameter in self.flat_parameters]
        norm = norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))
        scale = (self.stage.optimizer.clip_norm / (norm + 1e-6)).clamp(max=1.0)
        for flat_parameter in self.flat_parameters:
            flat_parameter.gradient.mul_(scale)
        return norm

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step, from 0: a cosine from the first to the final one."""
        first, final = self.stage.optimizer.learning_rate, self.stage.optimizer.final_learning_rate
        return final + (first - final) * (1 + math.cos(math.pi * step / self.stage.clock.steps)) / 2

    def optimizer_step(self, step: int) -> float:
        """Take the step that the stored gradients ask for; returns its learning rate."""
        rate = self.learning_rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self._update_averages()
        return rate

    @torch.no_grad()
    def _update_averages(self) -> None:
        """Move the averages one step towards the student: after the optimizer's step, every step."""
        for owner, average in self.averages.items():
            for kept, new in zip(self.flat_averages[owner], self.flat_student, strict=True):
                kept.values.lerp_(new.values, 1 - average.decay)
            if self.has_buffers:
                for stored, current in zip(average.model.buffers(), self.student.buffers(), strict=True):
                    stored.copy_(current)

    def state_dict(self) -> dict[str, Tensor]:
        """Every tensor that training may have changed, under the name of its owner."""
        found: dict[str, Tensor] = {}
        for owner, tensors in self._collect_changing_tensors().items():
            found |= add_prefix(owner, tensors)
        for index, kept in self.optimizer.state_dict()["state"].items():
            found |= add_prefix(f"{OPTIMIZER}/{index}", kept)
        return found

    @torch.no_grad()
    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Give everything the values of :meth:`state`."""
        for owner, tensors in self._collect_changing_tensors().items():
            kept = select_prefix(owner, state_dict)
            for name, tensor in tensors.items():
                tensor.copy_(kept[name])
        moments: dict[int, dict[str, Any]] = {}
        for name, tensor in select_prefix(OPTIMIZER, state_dict).items():
            index, _, key = name.partition("/")
            moments.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})

    def _collect_changing_tensors(self) -> dict[str, dict[str, Tensor]]:
        """Tensors by owner. A frozen network inside a loss is left out: its weights are read from their file again."""
        networks = {STUDENT: self.student, **{owner: average.model for owner, average in self.averages.items()}}
        found = {owner: dict([*one.named_parameters(), *one.named_buffers()]) for owner, one in networks.items()}
        if self.aggregator is not None:
            found[AGGREGATOR] = dict([*self.aggregator.named_parameters(), *self.aggregator.named_buffers()])
        trained = {name: one for name, one in self.objective.named_parameters() if one.requires_grad}
        return found | {OBJECTIVE: trained | dict(self.objective.named_buffers())}
