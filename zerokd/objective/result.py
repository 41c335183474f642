"""What an objective computes at one step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from zerokd.errors import NumericError, Problem

StepNumbers = tuple[float, float, dict[str, float]]  # total, norm of its gradient, mean value of each term


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
