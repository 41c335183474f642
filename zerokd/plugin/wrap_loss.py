"""A loss of another library, from one declaration."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from pydantic.fields import FieldInfo
from torch import Tensor, nn

from zerokd.errors import Problem, RecipeError
from zerokd.files.library_downloads import check_library_downloads
from zerokd.plugin.callable_config import build_callable_config, declaration_error
from zerokd.plugin.component import EMPTY_MAPPING
from zerokd.plugin.config_keys import format_interval
from zerokd.plugin.contracts import Loss
from zerokd.plugin.finite_gradient import FINITE_GRADIENT_KEY, add_finite_gradient_key, with_finite_gradient
from zerokd.plugin.global_state import preserve_global_state
from zerokd.plugin.kinds import KINDS
from zerokd.plugin.library_call import AsLoss, LibraryCall, MinSize
from zerokd.plugin.ports import Port

EXAMPLE_SIDE = 16  # pixels, of the images in a docstring


def wrap_loss(
    wrapped: Callable[..., Any],
    *,
    ports: Mapping[str, Port],
    about: str,
    source: str,
    pitfalls: str,
    formula: str = "",
    as_loss: AsLoss = "value",
    input_range: tuple[float, float] | None = None,
    reduces_batch: bool = True,
    min_size: MinSize = 1,
    fixed: Mapping[str, Any] = EMPTY_MAPPING,
    config: Mapping[str, FieldInfo] = EMPTY_MAPPING,
    finite_gradient: bool = False,
    bounds: tuple[float, float] = (0.0, math.inf),
    best_on: Sequence[str | float] = (),
    worsens_with: Sequence[str] = (),
    examples: Sequence[Mapping[str, Any]] = (),
    known_failures: Mapping[str, str] = EMPTY_MAPPING,
    name: str = "",
) -> type[Loss]:
    """Declare a loss that calls a function or class of another library.

    It is a :class:`~zerokd.Loss` like any other: register it as ``"package.module:Name"``, check it with the
    conformance kit, pass an instance to :class:`~zerokd.Term`. Gradient flows through the library's own code, in
    float32 or wider. Networks inside it are frozen, in eval mode, and built from seed 0; a download of theirs with
    ``torch.hub`` needs the user's consent and the right SHA-256.

    Args:
        wrapped: a function that takes a tensor for each port first, in the order of ``ports``, or a class whose
            instances do. Its other arguments become config keys where TOML can express them; the rest keep their
            defaults.
        ports: the tensors that it takes.
        about: what it rewards, one line: the first one of the docstring.
        source: the publication, and the library and version that the declaration was checked with.
        pitfalls: what a user should know of it.
        formula: the formula; by default the call itself.
        as_loss: how the library's value becomes a loss, which training minimises: a similarity needs
            ``"1 - value"`` or ``"-value"``.
        input_range: the range that the library expects, such as (0, 255) or (-1, 1); every port's ``range`` is
            converted to it. None: tensors pass as they are.
        reduces_batch: whether one call returns one number. Such a loss is called image by image. Otherwise it is
            called on the batch, returns (N, ...), and all axes but the first are averaged; where it has an argument for
            that, fix it: ``fixed={"reduction": "none"}``.
        min_size: the least height and width, pixels, or a function of the config that returns it.
        fixed: arguments that users cannot change.
        config: bounds and descriptions of arguments, ``{"sigma": pydantic.Field(gt=0.0, description="...")}``.
        finite_gradient: whether users may set the config key ``finite_gradient``, which is off by default: it replaces
            a gradient that is NaN or infinite, such as that of a root at 0, by 0. Values stay those of the library.
        bounds: the closed interval of values, of the loss, not of the library's value.
        best_on: scenes on which the loss is ``bounds[0]``; see :class:`~zerokd.Loss`.
        worsens_with: corruptions of such a scene that raise it.
        examples: configs that the conformance kit tests.
        known_failures: checks that the library's code cannot pass, with the reason.
        name: the class's name, which must be that of the variable it is assigned to; by default the wrapped name,
            ``multi_scale_ssim`` as ``MultiScaleSsim``.

    Raises:
        PluginError: the declaration does not fit the function or class.

    Example:
        >>> import torch, zerokd
        >>> def cosine(image, target, power: float = 1.0):  # (N, C, H, W) to (N, H, W)
        ...     return torch.cosine_similarity(image, target, dim=1) ** power
        >>> Cosine = zerokd.wrap_loss(
        ...     cosine,
        ...     ports={"image": zerokd.Port("the student's image", grad=True), "target": zerokd.Port("the teacher's")},
        ...     about="Rewards the target's hue, whatever its brightness.",
        ...     source="the angle between two colours",
        ...     pitfalls="black has no hue",
        ...     as_loss="1 - value",
        ...     reduces_batch=False,
        ... )
        >>> Cosine(power=2.0)(image=torch.ones(2, 4, 8, 8), target=torch.ones(2, 4, 8, 8))
        tensor([0., 0.])
    """
    call = LibraryCall(wrapped, dict(fixed), as_loss, input_range, reduces_batch, min_size)
    call.require_consistent(ports)
    class_name = name or _class_name(wrapped)
    own_config = build_callable_config(
        wrapped, positional_count=len(ports), fixed=fixed, fields=config, reserved_keys=KINDS["losses"].reserved_keys
    )
    if finite_gradient:
        own_config = add_finite_gradient_key(own_config)
    declared = {"Config": own_config, "call": call, "has_finite_gradient_key": finite_gradient}
    loss: type[WrappedLoss] = type(class_name, (WrappedLoss,), declared)
    loss.ports, loss.bounds, loss.best_on, loss.worsens_with = dict(ports), bounds, tuple(best_on), tuple(worsens_with)
    loss.examples, loss.known_failures = tuple(examples), dict(known_failures)
    loss.__doc__ = _build_docstring(loss, about, formula or f"``{call.format(ports)}``", source, pitfalls)
    loss.__module__ = own_config.__module__ = sys._getframe(1).f_globals.get("__name__", "__main__")
    own_config.__qualname__ = f"{class_name}.Config"  # pickle finds both by these names
    return loss


class WrappedLoss(Loss):
    """The base of what :func:`wrap_loss` returns."""

    call: ClassVar[LibraryCall]
    has_finite_gradient_key: ClassVar[bool]

    def __init__(self, **options: Any):
        super().__init__(**options)
        keys = {name: getattr(self.config, name) for name in type(self.config).model_fields}
        self._finite_gradient: bool = keys.pop(FINITE_GRADIENT_KEY) if self.has_finite_gradient_key else False
        arguments = {**self.call.fixed, **keys}
        if not inspect.isclass(self.call.wrapped):
            self._function: Any = partial(self.call.wrapped, **arguments)
            return
        with preserve_global_state(), check_library_downloads():
            torch.manual_seed(0)  # a network without weights of its own is the same in every instance
            self._function = self.call.wrapped(**arguments)
        if isinstance(self._function, nn.Module):
            self._function.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> WrappedLoss:
        """A network inside stays in eval mode: its value must not depend on dropout or on the batch."""
        super().train(mode)
        if isinstance(self._function, nn.Module):
            self._function.eval()
        return self

    def min_size(self) -> int:
        return self.call.smallest_side(self.config)

    def forward(self, **ports: Tensor) -> Tensor:
        if ports.keys() != self.ports.keys():
            raise TypeError(f"{type(self).__name__} takes {', '.join(self.ports)}; got {', '.join(ports) or 'none'}")
        self._require_size(ports)
        tensors = [self.call.convert(ports[name], port) for name, port in self.ports.items()]
        if self._finite_gradient:
            tensors = [with_finite_gradient(tensor) for tensor in tensors]
        device = tensors[0].device.type
        if device != "meta" and torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                return self._as_loss(self.call.evaluate(self._function, tensors))
        return self._as_loss(self.call.evaluate(self._function, tensors))

    def _as_loss(self, values: Tensor) -> Tensor:
        wide = values.to(torch.promote_types(values.dtype, torch.float32))
        return {"value": wide, "-value": -wide, "1 - value": 1 - wide}[self.call.as_loss]

    def _require_size(self, ports: Mapping[str, Tensor]) -> None:
        smallest = self.min_size()
        for name, tensor in ports.items():
            if min(tensor.shape[2:], default=smallest) < smallest:
                size = "x".join(map(str, tensor.shape[2:]))
                text = f"{type(self).__name__} needs at least {smallest} pixels a side, got {size} at port {name!r}"
                raise RecipeError(Problem(text, hints=("use larger images",), code="shapes-differ"))


def _class_name(wrapped: Callable[..., Any]) -> str:
    own_name = getattr(wrapped, "__name__", "")
    if not own_name.isidentifier():
        raise declaration_error(f"{wrapped!r} has no name", 'give the class one: wrap_loss(..., name="MyLoss")')
    return own_name if inspect.isclass(wrapped) else "".join(part.capitalize() for part in own_name.split("_"))


def _build_docstring(loss: type[WrappedLoss], about: str, formula: str, source: str, pitfalls: str) -> str:
    """The docstring of a loss, with every section of its page."""
    lower, upper = loss.bounds
    if loss.call.reduces_batch:
        scale = "that of the library for one image: each image is a call of its own"
    else:
        scale = "mean over all axes of the library's value but the first"
    required = [name for name, field in loss.Config.model_fields.items() if field.is_required()]
    sections = {
        "Formula": formula,
        "Returns": f"(N,), in {format_interval(lower, upper) or 'any range'}.",
        "Scale": f"{scale}.",
        "Source": source,
        "Pitfalls": pitfalls,
        "Example": "\n".join(["", *(f"    {line}" for line in _build_example(loss, required))]),
    }
    return "\n".join([about, "", *(f"{title}: {text}".rstrip(" ") for title, text in sections.items())])


def _build_example(loss: type[WrappedLoss], required: Sequence[str]) -> list[str]:
    """A call with random images; where the config has required keys, its ports alone."""
    if required:
        return [f">>> sorted({loss.__name__}.ports)", repr(sorted(loss.ports))]
    side = max(EXAMPLE_SIDE, loss.call.smallest_side(loss.Config()))
    calls = [f"{name}=torch.rand(2, {port.channels or 3}, {side}, {side})" for name, port in loss.ports.items()]
    return [">>> import torch", f">>> {loss.__name__}()({', '.join(calls)}).shape", "torch.Size([2])"]
