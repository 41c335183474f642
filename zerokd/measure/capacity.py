"""The part of a student that is in use: hidden channels that open, and parameters that change a pixel."""

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

HALF_LEVEL = 0.5 / 255  # the smallest change that can show in an 8-bit image
MAX_TESTED_PARAMETERS = 2000  # each tested parameter takes a pass over the images


@frozen
class Capacity:
    """The capacity of a model that some images use, and these alone: on a black image every parameter is idle.

    ``open_shares`` holds, for each gated layer, the share of pixels on which each channel exceeds 0.
    ``idle_parameters`` are those that, set to 0 one at a time, change no pixel of ``enhanced`` by half an 8-bit level;
    two that replace each other are both idle. ``skip_reason`` says why parameters were not tested.
    """

    images: int
    open_shares: dict[str, tuple[float, ...]]
    parameter_count: int
    idle_parameters: tuple[str, ...] = ()
    skip_reason: str = ""

    @property
    def dead_channels(self) -> tuple[str, ...]:
        """The channels that open on no pixel."""
        return tuple(
            f"{layer}[{channel}]"
            for layer, shares in self.open_shares.items()
            for channel, share in enumerate(shares)
            if share == 0
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data with counts."""
        channels: dict[str, Any] = {
            "count": sum(map(len, self.open_shares.values())),
            "dead": len(self.dead_channels),
            "names": list(self.dead_channels),
        }
        channels["open"] = {layer: list(shares) for layer, shares in self.open_shares.items()}
        parameters: dict[str, Any] = {"count": self.parameter_count}
        if self.skip_reason:
            parameters["not_tried"] = self.skip_reason
        else:
            parameters |= {"idle": len(self.idle_parameters), "names": list(self.idle_parameters)}
        return {"images": self.images, "channels": channels, "parameters": parameters}


def measure_capacity(model: Model, images: Tensor, skip_reason: str = "") -> Capacity:
    """Measure a model on ``images`` (N, 3, H, W) in [0, 1]; neither it nor the global random generator changes.

    Parameters are not tested if ``skip_reason`` is given, nor in a large model.

    Raises:
        PluginError: the model's ``gated`` names a layer that does not exist or never runs.
    """
    count = model.parameter_count()
    if count > MAX_TESTED_PARAMETERS and not skip_reason:
        skip_reason = f"{count} parameters are too many to test one by one (at most {MAX_TESTED_PARAMETERS})"
    with _eval_mode(model):
        open_shares = _measure_open_shares(model, images)
        idle_parameters = () if skip_reason else tuple(_find_idle_parameters(model, images))
    return Capacity(len(images), open_shares, count, idle_parameters, skip_reason)


@contextmanager
def _eval_mode(model: Model) -> Iterator[None]:
    """Eval mode without gradient; restores the mode of every module."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, training in modes:
            module.training = training


def _measure_open_shares(model: Model, images: Tensor) -> dict[str, tuple[float, ...]]:
    shares_by_layer: dict[str, list[Tensor]] = {name: [] for name in model.gated}

    def make_hook(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: object, output: Tensor) -> None:
            # measured as it leaves the layer: an in-place ReLU would change it afterwards
            shares_by_layer[name].append((output > 0).transpose(0, 1).flatten(1).float().mean(1))

        return hook

    hooks = [layer.register_forward_hook(make_hook(name)) for name, layer in _find_gated_layers(model).items()]
    try:
        for image in images.split(1):
            model(image)
    finally:
        for hook in hooks:
            hook.remove()
    unused = [
        Problem(f"{_describe_declaration(model, name)}, which it never runs")
        for name, shares in shares_by_layer.items()
        if not shares
    ]
    if unused:
        raise PluginError(*unused)
    return {name: tuple(torch.stack(shares).mean(0).tolist()) for name, shares in shares_by_layer.items()}


def _find_gated_layers(model: Model) -> dict[str, nn.Module]:
    if isinstance(model.gated, str):
        text = f"{type(model).__name__}.gated must be a tuple of layer names, got {model.gated!r}"
        raise PluginError(Problem(text, hints=(f"write gated = ({model.gated!r},)",)))
    layers = {name: layer for name, layer in model.named_modules() if name}
    problems = [
        Problem(f"{_describe_declaration(model, name)}: no such layer", hints=did_you_mean(name, layers))
        for name in model.gated
        if name not in layers
    ]
    if problems:
        raise PluginError(*problems)
    return {name: layers[name] for name in model.gated}


def _describe_declaration(model: Model, name: str) -> str:
    return f"{type(model).__name__} declares the gated layer {name!r}"


def _find_idle_parameters(model: Model, images: Tensor) -> Iterator[str]:
    """Names of parameters that change no pixel. The model is never written to, so an interrupt leaves it intact."""
    references = [(image, model(image)["enhanced"]) for image in images.split(1)]
    for name, parameter in model.named_parameters():
        for index in product(*map(range, parameter.shape)):
            zeroed = parameter.detach().clone()
            zeroed[index] = 0
            changes = (
                (functional_call(model, {name: zeroed}, (image,))["enhanced"] - reference).abs().max()
                for image, reference in references
            )
            if all(change < HALF_LEVEL for change in changes):  # the first image rules out most parameters
                yield f"{name}[{','.join(map(str, index))}]"
