"""What training changes in a stage: the student, its averages, the optimizer. Everything else is a pure function of the
step, so that a checkpoint holds this state and a step number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from zerokd.objective.models import STUDENT, AveragedModel
from zerokd.objective.objective import Objective
from zerokd.objective.stage_plan import StagePlan
from zerokd.recipe.build.components import Components
from zerokd.training.checkpoint import add_prefix, select_prefix
from zerokd.training.flat_parameters import FlatParameters, flatten_parameters

OBJECTIVE, OPTIMIZER, AGGREGATOR = ".objective", ".optimizer", ".aggregator"  # no model's name starts with a dot


class StageState:
    """The networks, averages and optimizer of a stage, at its start."""

    def __init__(self, stage: StagePlan, objective: Objective, components: Components):
        self.stage, self.objective, self.student = stage, objective, components.student.train()
        owners = {call.owner for call in objective.graph.forward_passes()}
        self.averages = {owner: average for owner, average in components.averages.items() if owner in owners}
        for average in self.averages.values():  # restarted: it must not average weights of an earlier stage
            average.model.load_state_dict(self.student.state_dict())
        self.parameters = [parameter for parameter in self.student.parameters() if parameter.requires_grad]
        self.has_buffers = any(True for _ in self.student.buffers())
        device = self.parameters[0].device
        self.aggregator = stage.aggregator.to(device) if stage.aggregator else None
        self.flat_student = flatten_parameters(self.parameters)
        self.flat_parameters = [
            *self.flat_student,
            *flatten_parameters(objective.part_parameters()),
        ]
        self.flat_averages = {owner: self._flatten_average(average) for owner, average in self.averages.items()}
        self.optimizer = torch.optim.Adam(
            [group.values for group in self.flat_parameters],
            lr=stage.optimizer.learning_rate,
            weight_decay=stage.optimizer.weight_decay,
            fused=device.type in ("cpu", "cuda"),
        )

    def _flatten_average(self, average: AveragedModel) -> list[FlatParameters]:
        """The parameters of an average that follow trained ones, laid out as those are; the others never change."""
        pairs = zip(average.model.parameters(), self.student.parameters(), strict=True)
        return flatten_parameters(averaged for averaged, current in pairs if current.requires_grad)

    def buffers(self) -> list[Tensor]:
        """The student's current buffers; a module may replace a buffer by another tensor."""
        return [*self.student.buffers()] if self.has_buffers else []

    def zero_grad(self) -> None:
        """Set the stored gradient to 0."""
        for group in self.flat_parameters:
            group.gradient.zero_()

    def set_gradient(self, gradient: Tensor) -> None:
        """Replace the stored gradient of the student's P parameters by ``gradient``, shape (P,)."""
        sizes = [group.values.numel() for group in self.flat_student]
        for group, part in zip(self.flat_student, gradient.split(sizes), strict=True):
            group.gradient.copy_(part)

    def clip_grad_norm(self) -> Tensor:
        """Limit the L2 norm of the whole stored gradient; returns the norm before clipping, shape ()."""
        norms = [torch.linalg.vector_norm(group.gradient) for group in self.flat_parameters]
        norm = norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))
        scale = (self.stage.optimizer.clip_norm / (norm + 1e-6)).clamp(max=1.0)
        for group in self.flat_parameters:
            group.gradient.mul_(scale)
        return norm

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0: a cosine from the first rate to the final one."""
        first, final = self.stage.optimizer.learning_rate, self.stage.optimizer.final_learning_rate
        return final + (first - final) * (1 + math.cos(math.pi * step / self.stage.clock.steps)) / 2

    def optimizer_step(self, step: int) -> float:
        """Update parameters by the stored gradients, then the averages; returns the learning rate."""
        learning_rate = self.learning_rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        self._update_averages()
        return learning_rate

    @torch.no_grad()
    def _update_averages(self) -> None:
        """Move every average one step towards the student."""
        for owner, average in self.averages.items():
            for averaged, current in zip(self.flat_averages[owner], self.flat_student, strict=True):
                averaged.values.lerp_(current.values, 1 - average.decay)
            if self.has_buffers:
                for copied, buffer in zip(average.model.buffers(), self.student.buffers(), strict=True):
                    copied.copy_(buffer)

    def state_dict(self) -> dict[str, Tensor]:
        """Every tensor that training may have changed, prefixed by the name of its owner."""
        state: dict[str, Tensor] = {}
        for owner, tensors in self._collect_changing_tensors().items():
            state |= add_prefix(owner, tensors)
        for index, moments in self.optimizer.state_dict()["state"].items():
            state |= add_prefix(f"{OPTIMIZER}/{index}", moments)
        return state

    @torch.no_grad()
    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for owner, tensors in self._collect_changing_tensors().items():
            saved = select_prefix(owner, state_dict)
            for name, tensor in tensors.items():
                tensor.copy_(saved[name])
        moments: dict[int, dict[str, Any]] = {}
        for name, tensor in select_prefix(OPTIMIZER, state_dict).items():
            index, _, key = name.partition("/")
            moments.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})

    def _collect_changing_tensors(self) -> dict[str, dict[str, Tensor]]:
        """Tensors by owner, without frozen networks inside losses: a resumed run reads those from their files."""
        owners: dict[str, nn.Module] = {STUDENT: self.student}
        owners |= {owner: average.model for owner, average in self.averages.items()}
        if self.aggregator is not None:
            owners[AGGREGATOR] = self.aggregator
        tensors = {
            owner: dict([*module.named_parameters(), *module.named_buffers()]) for owner, module in owners.items()
        }
        return {**tensors, OBJECTIVE: self.objective.part_tensors()}
