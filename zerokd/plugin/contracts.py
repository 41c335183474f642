"""What each kind of component promises. A plugin author implements one of these classes and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from zerokd.errors import Problem, RecipeError
from zerokd.plugin.blame import blame
from zerokd.plugin.catalogue import Entry
from zerokd.plugin.clock import Clock
from zerokd.plugin.config import Config
from zerokd.plugin.specs import SINGULAR, Port, Signal

RESERVED = ("use", "weight", "on", "adapt", "when", "monitor")  # keys of a term that no loss may call its own


class Component:
    """A class built from its validated :class:`Config`: ``Ssim(window=7)`` in Python, ``use = "ssim"`` in a recipe.

    A component that had to use something else than it was asked for, because its config allowed that, says so in
    ``fallbacks``; one whose config has a known pitfall says that in ``cautions``. The run prints both and writes them
    into the manifest.
    """

    Config: ClassVar[type[BaseModel]] = Config
    config: Any
    fallbacks: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    sources: Mapping[str, str] = MappingProxyType({})  # what it read from outside, with its SHA-256, for the manifest

    def __init__(self, **options: Any):
        super().__init__()
        self.config = type(self).Config(**options)


class Loss(Component, nn.Module):
    """A training objective's term: ports in by keyword, one value per image out, shape ``(N,)``, float32 or wider.

    It has no weight, never reduces over the batch, and averages over every axis it names, so that its value does not
    change when N, H, W or the channel count grow. ``bounds`` is the closed interval of possible values. A loss whose
    formula multiplies the whole value by a constant, or by a number of its config, says it in ``factor``, so that
    `zerokd explain` can count it in.
    """

    ports: ClassVar[Mapping[str, Port]]
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    factor: float = 1.0

    def min_size(self) -> int:
        """The smallest height and width its tensors may have; smaller data is refused before the first step."""
        return 1

    forward: Callable[..., Tensor]  # keyword-only, one argument a port


class Adapter(Component, nn.Module):
    """Makes the tensors of one term comparable: takes them by port name and returns them under the same names.

    ``example`` names two signals of recipes/paper.toml, of student and teacher, that it is worth showing on.
    """

    example: ClassVar[tuple[str, str]] = ("student.enhanced", "teacher.enhanced")

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        """What :meth:`forward` will return for such inputs; raises ``ValueError`` with the remedy when it cannot."""
        raise NotImplementedError

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        raise NotImplementedError


class Model(Component, nn.Module):
    """An enhancer: low-light RGB ``(N, 3, H, W)`` in [0, 1] to named outputs, ``enhanced`` among them.

    Every submodule can be tapped as the signal ``<owner>.features.<module name>``: the module's own output. ``gated``
    names the layers whose own output goes through a ReLU: a channel of one that never exceeds 0 is dead.
    """

    gated: ClassVar[tuple[str, ...]] = ()

    def outputs(self) -> dict[str, Signal]:
        """Range (and iterations, for a curve map) of each tensor that :meth:`forward` returns; shapes are measured."""
        raise NotImplementedError

    def parameter_count(self) -> int:
        return sum(one.numel() for one in self.parameters())

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        raise NotImplementedError


class Augmentation(Component):
    """A random change of a low-light image. What is random is drawn apart from what is done with it, so that a draw
    depends on (seed, stage, epoch, image) alone and the change itself runs on whole batches on any device."""

    def draw(self, generator: torch.Generator) -> Tensor:
        """The random numbers for one image, float32, the same shape every time."""
        raise NotImplementedError

    def apply(self, low: Tensor, draws: Tensor) -> Tensor:
        """``low`` (N, 3, H, W) in [0, 1], ``draws`` (N, ...); returns the same shape and range."""
        raise NotImplementedError


class DataConfig(Config):
    """What every data source understands; ``--data DIR`` keeps these two."""

    size: int = Field(128, ge=16, le=4096, description="side of the square training images, pixels")
    held_out: float = Field(0.1, ge=0.0, le=0.5, description="share of the images never trained on")


class Data(Component):
    """An indexed set of low-light images, decoded to uint8 RGB ``(3, size, size)``. Deterministic: the same index gives
    the same bytes. ``rejected`` lists what was found but cannot be used, as (name, reason)."""

    Config = DataConfig
    rejected: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, index: int) -> Tensor:
        raise NotImplementedError

    def name(self, index: int) -> str:
        """A stable identity of the image: its path below the folder, or ``dead_leaves/17``."""
        raise NotImplementedError

    def reference(self, index: int) -> Tensor | None:
        """The well-lit version, uint8 RGB of the same shape, where one is known. For measuring, never for training."""
        return None


def held_out_count(images: int, share: float) -> int:
    """How many images are held out: the share, rounded, but at least one is left to train on."""
    return min(round(images * share), images - 1)


class Stage(Component):
    """One training phase. It says what the objective may read; the runner says when.

    ``reads`` are the roles whose signals its terms may bind, ``needs`` those that at least one term must bind:
    ``student`` (the trained model), ``teacher`` (any frozen one) and ``ema`` (any average).
    """

    reads: ClassVar[tuple[str, ...]] = ("student",)
    needs: ClassVar[tuple[str, ...]] = ("student",)

    def inputs(self, low: Tensor) -> dict[str, Tensor]:
        """The input signals of a step, from a batch (N, 3, H, W) in [0, 1] that has been augmented."""
        return {"low": low}


class Schedule(Component):
    """A param or weight that changes while a stage runs: a pure function of the step, known before the first one."""

    def values(self, steps: np.ndarray, clock: Clock) -> np.ndarray:
        """The number at every step: ``steps`` is float64, 0 to ``clock.steps - 1``; the result has its shape.

        Raises:
            ValueError: the schedule makes no sense for a stage of this length.
        """
        raise NotImplementedError


CONTRACTS: dict[str, type[Component]] = {
    "losses": Loss,
    "adapters": Adapter,
    "stages": Stage,
    "models": Model,
    "data": Data,
    "augmentations": Augmentation,
    "schedules": Schedule,
}


def load_component(entry: Entry) -> type[Component]:
    """The class behind a record, checked against its contract.

    Raises:
        RecipeError: it cannot be imported, or is not what its kind promises.
    """
    kind = entry.spec.kind
    with blame(f"the import of {SINGULAR[kind]} {entry.spec.name!r} of {entry.provider}"):
        component = entry.spec.load()
    if not (isinstance(component, type) and issubclass(component, CONTRACTS[kind])):
        text = f"{entry.spec.target} of {entry.provider} is not a zerokd.{CONTRACTS[kind].__name__}"
        raise RecipeError(Problem(text))
    if not (isinstance(component.Config, type) and issubclass(component.Config, CONTRACTS[kind].Config)):
        raise RecipeError(Problem(f"the Config of {entry.qualified} is not a {CONTRACTS[kind].Config.__name__}"))
    ports = getattr(component, "ports", None) if kind == "losses" else {}
    if not isinstance(ports, Mapping) or any(one.like not in (None, *ports) for one in ports.values()):
        raise RecipeError(Problem(f"{entry.qualified} must declare its ports: a dict of name to zerokd.Port"))
    clash = sorted(set(component.Config.model_fields) & set(RESERVED)) if kind == "losses" else ()
    if clash:
        raise RecipeError(Problem(f"{entry.qualified} has config keys that belong to the recipe: {', '.join(clash)}"))
    return component
