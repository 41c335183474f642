"""One call of a function or class of another library, as a loss needs it: ranges, batches and signs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from attrs import frozen
from torch import Tensor

from zerokd.errors import PluginError, Problem
from zerokd.plugin.callable_config import declaration_error, qualified_name
from zerokd.plugin.ports import Port

AsLoss = Literal["value", "-value", "1 - value"]
MinSize = int | Callable[[Any], int]


@frozen(eq=False)
class LibraryCall:
    """How a loss calls the function or class of a library; the fields are arguments of :func:`zerokd.wrap_loss`."""

    wrapped: Callable[..., Any]
    fixed: Mapping[str, Any]
    as_loss: AsLoss
    input_range: tuple[float, float] | None
    reduces_batch: bool
    min_size: MinSize

    def require_consistent(self, ports: Mapping[str, Port]) -> None:
        """Check what can be checked without calling it.

        Raises:
            PluginError: ``as_loss`` is none of the three forms, or a port has no range to convert.
        """
        if self.as_loss not in get_args(AsLoss):
            forms = ", ".join(map(repr, get_args(AsLoss)))
            raise declaration_error(f"as_loss is {self.as_loss!r}", f"it is one of {forms}")
        unbounded = [name for name, port in ports.items() if port.range is None]
        if self.input_range and unbounded:
            text = f"input_range is {self.input_range}, and port {', '.join(unbounded)} has no range to convert"
            raise declaration_error(text, "declare what the port takes: Port(..., range=(0.0, 1.0))")

    def format(self, names: Iterable[str]) -> str:
        """The call as Python would write it, and how its value becomes a loss."""
        written = f"{qualified_name(self.wrapped)}{'()' if inspect.isclass(self.wrapped) else ''}({', '.join(names)})"
        return self.as_loss.replace("value", written)

    def smallest_side(self, config: Any) -> int:
        """The least height and width with this config."""
        return self.min_size if isinstance(self.min_size, int) else int(self.min_size(config))

    def convert(self, tensor: Tensor, port: Port) -> Tensor:
        """A port's tensor in float32 or wider, in the range that the library expects."""
        wide = tensor.to(torch.promote_types(tensor.dtype, torch.float32))
        if self.input_range in (None, port.range):
            return wide
        (low, high), (own_low, own_high) = port.range, self.input_range  # type: ignore[misc]
        return own_low + (wide - low) * ((own_high - own_low) / (high - low))

    def evaluate(self, function: Callable[..., Any], tensors: Sequence[Tensor]) -> Tensor:
        """Values (N,) of a function of tensors (N, ...), as the library counts them.

        Raises:
            PluginError: it returns something else than it declares.
        """
        if self.reduces_batch:
            images = zip(*(tensor.split(1) for tensor in tensors), strict=True)
            return torch.stack([self._require_number(function(*image)) for image in images])
        values = function(*tensors)
        if not isinstance(values, Tensor) or values.ndim == 0 or len(values) != len(tensors[0]):
            raise self._shape_error(values, len(tensors[0]), "reduces_batch=True calls it image by image")
        return values.flatten(1).mean(dim=1) if values.ndim > 1 else values

    def _require_number(self, value: Any) -> Tensor:
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise self._shape_error(value, 1, "reduces_batch=False averages all axes but the first")
        return value.reshape(())

    def _shape_error(self, value: Any, count: int, hint: str) -> PluginError:
        shape = f"the shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        text = f"{qualified_name(self.wrapped)} returned {shape} for {count} image{'s' * (count > 1)}"
        return PluginError(Problem(text, hints=(hint,), code="not-per-image"))
