"""What a stage's training changes: the student, what averages it, the optimizer. Everything else is a pure function of
the step, so this is all that a checkpoint has to keep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zerokd.objective.models import TRAINED, Average
from zerokd.objective.objective import Objective
from zerokd.objective.stage_plan import Phase
from zerokd.recipe.build.components import Components
from zerokd.training.checkpoint import owned, part
from zerokd.training.flat_parameters import Flat, flattened

OBJECTIVE, OPTIMIZER, AGGREGATOR = ".objective", ".optimizer", ".aggregator"  # no model's name starts with a dot


class Training:
    """One stage's networks, averages and optimizer at their start."""

    def __init__(self, phase: Phase, objective: Objective, components: Components):
        self.phase, self.objective, self.student = phase, objective, components.student
        read = {call.owner for call in objective.graph.forwards()}
        self.averages = {owner: one for owner, one in components.averages.items() if owner in read}
        for average in self.averages.values():  # restarted, so that it never remembers weights from before its stage
            average.model.load_state_dict(self.student.state_dict())
        self.parameters = [one for one in self.student.parameters() if one.requires_grad]
        self.has_buffers = any(True for _ in self.student.buffers())
        device = self.parameters[0].device
        self.aggregator = phase.aggregator.to(device) if phase.aggregator else None
        self.own = flattened(self.parameters)
        self.flats = [*self.own, *flattened(one for one in objective.parameters() if one.requires_grad)]
        self.followers = {owner: self._follower(average) for owner, average in self.averages.items()}
        settings = phase.optimizer
        self.optimizer = torch.optim.Adam(
            [one.values for one in self.flats],
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=device.type in ("cpu", "cuda"),
        )

    def _follower(self, average: Average) -> list[Flat]:
        """An average's parameters, laid out as the student's that it follows; others never change."""
        pairs = zip(average.model.parameters(), self.student.parameters(), strict=True)
        return flattened(kept for kept, new in pairs if new.requires_grad)

    def buffers(self) -> list[Tensor]:
        """The student's, as they are now: a module may put another tensor in the place of one."""
        return [*self.student.buffers()] if self.has_buffers else []

    def forget(self) -> None:
        """Set the stored gradient to 0."""
        for one in self.flats:
            one.gradient.zero_()

    def follow(self, gradient: Tensor) -> None:
        """Give the student's parameters another gradient (P,) than the stored one."""
        for one, its in zip(self.own, gradient.split([one.values.numel() for one in self.own]), strict=True):
            one.gradient.copy_(its)

    def clip(self) -> Tensor:
        """Limit the norm of the stored gradient as a whole; returns what it was before."""
        norms = [torch.linalg.vector_norm(one.gradient) for one in self.flats]
        norm = norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))
        scale = (self.phase.optimizer.clip_norm / (norm + 1e-6)).clamp(max=1.0)
        for one in self.flats:
            one.gradient.mul_(scale)
        return norm

    def rate(self, step: int) -> float:
        """The learning rate of a step, from 0: a cosine from the first to the final one."""
        first, final = self.phase.optimizer.learning_rate, self.phase.optimizer.final_learning_rate
        return final + (first - final) * (1 + math.cos(math.pi * step / self.phase.clock.steps)) / 2

    def descend(self, step: int) -> float:
        """Take the step that the stored gradients ask for; returns its learning rate."""
        rate = self.rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self._average()
        return rate

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averages one step towards the student: after the optimizer's step, every step."""
        for owner, average in self.averages.items():
            for kept, new in zip(self.followers[owner], self.own, strict=True):
                kept.values.lerp_(new.values, 1 - average.decay)
            if self.has_buffers:
                for stored, current in zip(average.model.buffers(), self.student.buffers(), strict=True):
                    stored.copy_(current)

    def state(self) -> dict[str, Tensor]:
        """Every tensor that training may have changed, under the name of its owner."""
        found: dict[str, Tensor] = {}
        for owner, tensors in self._changing().items():
            found |= owned(owner, tensors)
        for index, kept in self.optimizer.state_dict()["state"].items():
            found |= owned(f"{OPTIMIZER}/{index}", kept)
        return found

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Give everything the values of :meth:`state`."""
        for owner, tensors in self._changing().items():
            kept = part(owner, state)
            for name, tensor in tensors.items():
                tensor.copy_(kept[name])
        moments: dict[int, dict[str, Any]] = {}
        for name, tensor in part(OPTIMIZER, state).items():
            index, _, key = name.partition("/")
            moments.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})

    def _changing(self) -> dict[str, dict[str, Tensor]]:
        """Tensors by owner. A frozen network inside a loss is left out: its weights are read from their file again."""
        networks = {TRAINED: self.student, **{owner: average.model for owner, average in self.averages.items()}}
        found = {owner: dict([*one.named_parameters(), *one.named_buffers()]) for owner, one in networks.items()}
        if self.aggregator is not None:
            found[AGGREGATOR] = dict([*self.aggregator.named_parameters(), *self.aggregator.named_buffers()])
        trained = {name: one for name, one in self.objective.named_parameters() if one.requires_grad}
        return found | {OBJECTIVE: trained | dict(self.objective.named_buffers())}
