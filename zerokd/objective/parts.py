"""The modules of an objective: which of their tensors train, move and are stored."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from zerokd.objective.models import STUDENT, AveragedModel, ModelSet

TRAINED_PARTS = ("losses", "adapters")  # of an objective; the student trains too


class ObjectiveParts(nn.Module):
    """The student, the losses and the adapters are submodules. Frozen models and averages are none: they move with
    :meth:`to`, do not train, and only averages are stored."""

    models: ModelSet
    losses: nn.ModuleDict
    adapters: nn.ModuleList
    averages: Mapping[str, AveragedModel]
    _seen_version: int | None = None  # of the student's parameters at the last forward pass with gradient
    _misses_after_step = True

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the averages towards the student. Call it after each ``optimizer.step()``."""
        for average in self.averages.values():
            pairs = zip(average.model.parameters(), self.models.models[STUDENT].parameters(), strict=True)
            for averaged, current in pairs:
                averaged.lerp_(current.to(averaged.device), 1 - average.decay)
            buffers = zip(average.model.buffers(), self.models.models[STUDENT].buffers(), strict=True)
            for stored, buffer in buffers:
                stored.copy_(buffer)
        self._seen_version = None

    def notice_missing_after_step(self) -> None:
        """Warn once where the student has moved and its averages have not."""
        version = sum(parameter._version for parameter in self.models.models[STUDENT].parameters())
        if self._misses_after_step and self._seen_version not in (None, version):
            names = ", ".join(map(repr, self.averages))
            text = f"the average {names} stands still: call objective.after_step() after each optimizer.step()"
            warnings.warn(text, stacklevel=5)
            self._misses_after_step = False
        self._seen_version = version

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
        others = {owner: self.models.get_model(owner) for owner in self.models.owners if owner != self.models.trained}
        trained = getattr(self, self.models.trained, None)
        return {owner: module for owner, module in others.items() if module is not trained}

    def _apply(self, fn: Any, recurse: bool = True) -> ObjectiveParts:
        super()._apply(fn, recurse)
        for module in self._other_modules().values():
            module._apply(fn, recurse)
        return self

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for owner, average in self.averages.items():
            average.model.state_dict(destination=destination, prefix=f"{prefix}averages.{owner}.", keep_vars=keep_vars)

    def state_dict(self, *arguments: Any, **options: Any) -> dict[str, Any]:  # type: ignore[override]
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
            start = f"{prefix}averages.{owner}."
            own = {key.removeprefix(start): value for key, value in state_dict.items() if key.startswith(start)}
            incompatible = average.model.load_state_dict(own, strict=False)
            missing_keys += [f"{start}{key}" for key in incompatible.missing_keys]
            unexpected_keys += [f"{start}{key}" for key in incompatible.unexpected_keys]


def forgive_frozen_keys(objective: ObjectiveParts, incompatible: Any) -> None:
    """Frozen networks inside losses are not part of the state; their weights come from their files."""
    forgiven = objective._frozen_keys()
    incompatible.missing_keys[:] = [key for key in incompatible.missing_keys if not key.endswith(tuple(forgiven))]
