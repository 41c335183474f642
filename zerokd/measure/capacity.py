"""What of a student is in use: which hidden channels ever open, and which parameters change a pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn
from torch.func import functional_call

from zerokd.errors import PluginError, Problem, did_you_mean
from zerokd.plugin.contracts import Model

HALF_LEVEL = 0.5 / 255  # the least change that can show in an 8-bit image
MAX_TESTED_PARAMETERS = 2000  # parameters beyond which they are not tried one by one: each costs a pass over the images


@frozen
class Capacity:
    """A model's capacity on some images, and on these alone: every parameter is idle on a black one.

    ``open`` holds, for each gated layer, the share of pixels on which each channel exceeds 0. ``idle`` names the
    parameters that, set to 0 one at a time, change no pixel of ``enhanced`` by half an 8-bit level; two that stand in
    for each other are both idle. ``not_tried`` says why there are no such names.
    """

    images: int
    open_shares: dict[str, tuple[float, ...]]
    parameter_count: int
    idle_parameters: tuple[str, ...] = ()
    skip_reason: str = ""

    @property
    def dead_channels(self) -> tuple[str, ...]:
        """The channels that never open."""
        return tuple(
            f"{layer}[{channel}]"
            for layer, shares in self.open_shares.items()
            for channel, share in enumerate(shares)
            if share == 0
        )

    def as_json(self) -> dict[str, Any]:
        """The same as plain data, with counts."""
        channels = {
            "count": sum(map(len, self.open_shares.values())),
            "dead": len(self.dead_channels),
            "names": list(self.dead_channels),
        }
        tried = (
            {"not_tried": self.skip_reason}
            if self.skip_reason
            else {"idle": len(self.idle_parameters), "names": list(self.idle_parameters)}
        )
        shares = {layer: list(shares) for layer, shares in self.open_shares.items()}
        parameters = {"count": self.parameter_count, **tried}
        return {"images": self.images, "channels": channels | {"open": shares}, "parameters": parameters}


def measure_capacity(model: Model, images: Tensor, skip_reason: str = "") -> Capacity:
    """Measure a model on ``images`` (N, 3, H, W); nothing of it or of the global random generator is different after.

    Parameters are left out where ``not_tried`` gives a reason, and in a large model.

    Raises:
        PluginError: the model's ``gated`` is wrong.
    """
    count = model.parameter_count()
    if count > MAX_TESTED_PARAMETERS and not skip_reason:
        skip_reason = f"{count} parameters are more than the {MAX_TESTED_PARAMETERS} that are tried one by one"
    with _eval_mode(model):
        shares = _measure_open_shares(model, images)
        idle = () if skip_reason else tuple(_find_idle_parameters(model, images))
    return Capacity(len(images), shares, count, idle, skip_reason)


@contextmanager
def _eval_mode(model: Model) -> Iterator[None]:
    """Eval mode and no gradient; afterwards every module is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, training in modes:
            module.training = training


def _measure_open_shares(model: Model, images: Tensor) -> dict[str, tuple[float, ...]]:
    seen: dict[str, list[Tensor]] = {name: [] for name in model.gated}

    def keep(name: str) -> Callable[..., None]:
        # measured as it leaves the layer: a ReLU in place would change it afterwards
        return lambda module, args, output: seen[name].append((output > 0).transpose(0, 1).flatten(1).float().mean(1))

    hooks = [layer.register_forward_hook(keep(name)) for name, layer in _find_gated_layers(model).items()]
    try:
        for image in images.split(1):
            model(image)
    finally:
        for hook in hooks:
            hook.remove()
    unused = [
        Problem(f"{_describe_declaration(model, name)}, which it never runs")
        for name, shares in seen.items()
        if not shares
    ]
    if unused:
        raise PluginError(*unused)
    return {name: tuple(torch.stack(shares).mean(0).tolist()) for name, shares in seen.items()}


def _find_gated_layers(model: Model) -> dict[str, nn.Module]:
    if isinstance(model.gated, str):
        text = f"{type(model).__name__}.gated must be a tuple of layer names, got {model.gated!r}"
        raise PluginError(Problem(text, hints=(f"write gated = ({model.gated!r},)",)))
    layers = {name: layer for name, layer in model.named_modules() if name}
    wrong = [
        Problem(f"{_describe_declaration(model, name)}: no such layer", hints=did_you_mean(name, layers))
        for name in model.gated
        if name not in layers
    ]
    if wrong:
        raise PluginError(*wrong)
    return {name: layers[name] for name in model.gated}


def _describe_declaration(model: Model, name: str) -> str:
    return f"{type(model).__name__} declares the gated layer {name!r}"


def _find_idle_parameters(model: Model, images: Tensor) -> Iterator[str]:
    """Names of parameters that change nothing. The model itself is never written to, so nothing can stay changed."""
    whole = [(image, model(image)["enhanced"]) for image in images.split(1)]
    for name, parameter in model.named_parameters():
        for index in product(*map(range, parameter.shape)):
            without = parameter.detach().clone()
            without[index] = 0
            changed = (
                (functional_call(model, {name: without}, (image,))["enhanced"] - before).abs().max()
                for image, before in whole
            )
            if all(change < HALF_LEVEL for change in changed):  # most parameters show on the first image already
                yield f"{name}[{','.join(map(str, index))}]"
