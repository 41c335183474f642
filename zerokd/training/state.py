"""What training changes in a stage: the student, its averages, the optimizer. Everything else is a pure function of the
step, so that a checkpoint holds this state and a step number."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from zerokd.objective.models import STUDENT, AveragedModel
from zerokd.objective.objective import Objective
from zerokd.objective.optimizer_plan import ParameterGroup, build_torch_groups, name_parameters, split_into_groups
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.recipe.build.components import Components
from zerokd.training.best_student import BestStudent
from zerokd.training.checkpoint import add_prefix, select_prefix
from zerokd.training.flat_parameters import FlatParameters, flatten_parameters
from zerokd.training.optimizer_state import collect_optimizer_state, restore_optimizer_state

OBJECTIVE, OPTIMIZER, AGGREGATOR, BEST, CRITIC_STATE = (
    ".objective",
    ".optimizer",
    ".aggregator",
    ".best",
    ".critic",
)  # no model's name starts with a dot


class StageState:
    """The ``network`` that trains in a stage, the student or a critic, its averages and optimizer, at the start. The
    state of a stage includes that of its ``critic``."""

    def __init__(
        self, stage: StagePlan, objective: Objective, components: Components, critic: StageState | None = None
    ):
        self.critic = critic
        self.stage, self.objective, self.network = stage, objective, objective.models.trained_model.train()
        self.is_last = bool(components.stages) and components.stages[-1].name == stage.name
        trains_student = objective.models.trained == STUDENT  # a critic's objective leaves the averages alone
        owners = {call.owner for call in objective.graph.forward_passes()} if trains_student else set()
        owners |= {components.selection.average} if self.is_last else set()
        self.averages = {owner: average for owner, average in components.averages.items() if owner in owners}
        for average in self.averages.values():  # restarted: it must not average weights of an earlier stage
            average.model.load_state_dict(self.network.state_dict())
        self.parameters = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.best = (
            BestStudent(self.network, components.selection) if self.is_last and components.selection.metric else None
        )
        self.has_buffers = any(True for _ in self.network.buffers())
        device = self.parameters[0].device
        self.aggregator = stage.aggregator.to(device) if stage.aggregator else None
        self.flat_student = flatten_parameters(self.parameters)
        self.flat_parameters = [
            *self.flat_student,
            *flatten_parameters(objective.part_parameters()),
        ]
        self.flat_averages = {owner: self._flatten_average(average) for owner, average in self.averages.items()}
        groups = self._group_parameters()
        self.rate_factors = [group.learning_rate_factor for group, _ in groups]
        with attribute_errors(f"optimizer {stage.optimizer.name!r}"):
            self.optimizer = stage.optimizer.plugin.create(build_torch_groups(groups, self.learning_rate(0)))

    def _group_parameters(self) -> list[tuple[ParameterGroup, list[nn.Parameter]]]:
        """What the optimizer updates: flat parameters where every number is updated alike and by itself; else each
        parameter in its own shape. Both are the same memory."""
        optimizer = self.stage.optimizer
        if optimizer.is_flat:
            return [(ParameterGroup("*"), [group.values for group in self.flat_parameters])]
        return split_into_groups(name_parameters(self.objective.named_parameters()), optimizer)

    def _flatten_average(self, average: AveragedModel) -> list[FlatParameters]:
        """The parameters of an average that follow trained ones, laid out as those are; the others never change."""
        pairs = zip(average.model.parameters(), self.network.parameters(), strict=True)
        return flatten_parameters(averaged for averaged, current in pairs if current.requires_grad)

    def buffers(self) -> list[Tensor]:
        """What a step changes before the optimizer does: the student's current buffers, and the aggregator's state. A
        module may replace a buffer by another tensor."""
        buffers = [*self.network.buffers()] if self.has_buffers else []
        return buffers if self.aggregator is None else [*buffers, *_module_tensors(self.aggregator).values()]

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
        """Limit the L2 norm of the whole stored gradient, if the recipe does; returns the norm before it, shape ()."""
        norms = [torch.linalg.vector_norm(group.gradient) for group in self.flat_parameters]
        norm = norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))
        limit = self.stage.optimizer.clip_norm
        if limit is None:
            return norm
        scale = (limit / (norm + 1e-6)).clamp(max=1.0)
        for group in self.flat_parameters:
            group.gradient.mul_(scale)
        return norm

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return self.stage.optimizer.learning_rate_at(step, self.stage.clock.steps)

    def optimizer_step(self, step: int) -> float:
        """Update parameters by the stored gradients, then the averages; returns the learning rate."""
        learning_rate = self.learning_rate(step)
        for group, factor in zip(self.optimizer.param_groups, self.rate_factors, strict=True):
            group["lr"] = learning_rate * factor
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
                for copied, buffer in zip(average.model.buffers(), self.network.buffers(), strict=True):
                    copied.copy_(buffer)

    def state_dict(self) -> dict[str, Tensor]:
        """Every tensor that training may have changed, prefixed by the name of its owner."""
        state: dict[str, Tensor] = {}
        for owner, tensors in self._collect_changing_tensors().items():
            state |= add_prefix(owner, tensors)
        state |= add_prefix(BEST, self.best.state_dict()) if self.best else {}
        state |= add_prefix(OPTIMIZER, collect_optimizer_state(self.optimizer))
        state |= add_prefix(CRITIC_STATE, self.critic.state_dict()) if self.critic else {}
        return state

    @torch.no_grad()
    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for owner, tensors in self._collect_changing_tensors().items():
            saved = select_prefix(owner, state_dict)
            for name, tensor in tensors.items():
                tensor.copy_(saved[name])
        if self.best is not None:
            self.best.load_state_dict(select_prefix(BEST, state_dict))
        restore_optimizer_state(self.optimizer, select_prefix(OPTIMIZER, state_dict))
        if self.critic is not None:
            self.critic.load_state_dict(select_prefix(CRITIC_STATE, state_dict))

    def _collect_changing_tensors(self) -> dict[str, dict[str, Tensor]]:
        """Tensors by owner, without frozen networks inside losses: a resumed run reads those from their files."""
        owners: dict[str, nn.Module] = {self.objective.models.trained: self.network}
        owners |= {owner: average.model for owner, average in self.averages.items()}
        if self.aggregator is not None:
            owners[AGGREGATOR] = self.aggregator
        tensors = {owner: _module_tensors(module) for owner, module in owners.items()}
        return {**tensors, OBJECTIVE: self.objective.part_tensors()}


def _module_tensors(module: nn.Module) -> dict[str, Tensor]:
    return dict([*module.named_parameters(), *module.named_buffers()])
