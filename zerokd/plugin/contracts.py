"""The contract of each kind: a plugin author implements one of these classes and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from zerokd.plugin.clock import Clock
from zerokd.plugin.component import Component
from zerokd.plugin.config import Config
from zerokd.plugin.ports import Port, Signal


class Loss(Component, nn.Module):
    """A training objective's term: ports in by keyword, one value per image out, shape ``(N,)``, float32 or wider.

    It has no weight, never reduces over the batch, and averages over every axis it names, so that its value does not
    change when N, H, W or the channel count grow. ``bounds`` is the closed interval of possible values. A loss whose
    formula multiplies the whole value by a constant, or by a number of its config, says it in ``factor``, so that
    `zerokd explain` can count it in.

    Gradient goes through the ports that ask for it and through no other: those are detached before :meth:`forward`.

    ``best_on`` names the scenes on which the value is ``bounds[0]`` exactly, ``worsens_with`` the corruptions of such a
    scene that raise it; both are words of :mod:`zerokd.testing.scenes`.

    A loss that computes much of its other ports alone may have ``prepare``, which takes those and returns tensors whose
    first axis is N, and ``compare``, which takes these in order and the ports that ask for gradient by keyword. Both
    together must give what :meth:`forward` gives; for an image that comes again the first is not called again.
    """

    ports: ClassVar[Mapping[str, Port]]
    prepare: Callable[..., tuple[Tensor, ...]] | None = None
    compare: Callable[..., Tensor]
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    best_on: ClassVar[tuple[str | float, ...]] = ()
    worsens_with: ClassVar[tuple[str, ...]] = ()
    factor: float = 1.0

    def __call__(self, **ports: Tensor) -> Tensor:
        for name, port in self.ports.items():
            if not port.grad and name in ports and ports[name].requires_grad:
                ports[name] = ports[name].detach()
        value: Tensor = super().__call__(**ports)
        return value

    def min_size(self) -> int:
        """The smallest height and width its tensors may have; smaller data is refused before the first step."""
        return 1

    forward: Callable[..., Tensor]  # keyword-only, one argument a port


class Adapter(Component, nn.Module):
    """Makes the tensors of one term comparable: takes them by port name and returns them under the same names.

    ``example`` names two signals of recipes/paper.toml, of student and teacher, that it is worth showing on. ``apart``
    says that each tensor is adapted by itself, after what :meth:`describe` was told: :meth:`forward` may then be given
    some of the ports, and those of a frozen teacher need not be adapted again for an image that comes again.
    """

    is_per_port: ClassVar[bool] = False

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
        """What is known of each tensor that :meth:`forward` returns; shapes are measured."""
        raise NotImplementedError

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())

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


def count_held_out(images: int, share: float) -> int:
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


class Metric(Component, nn.Module):
    """A measure of a trained student: ports in by keyword, one value per image out, shape ``(N,)``, without gradient.

    ``better`` says which way is good, ``unit`` what the number counts (empty: none). ``bounds`` is the closed interval
    of possible values. ``best_on`` names the scenes with the best possible value, ``worsens_with`` the corruptions that
    make it worse; both are words of :mod:`zerokd.testing.scenes`.
    """

    ports: ClassVar[Mapping[str, Port]]
    better: ClassVar[Literal["higher", "lower"]]
    unit: ClassVar[str] = ""
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    best_on: ClassVar[tuple[str | float, ...]] = ()
    worsens_with: ClassVar[tuple[str, ...]] = ()

    def min_size(self) -> int:
        """The smallest height and width its tensors may have."""
        return 1

    forward: Callable[..., Tensor]  # keyword-only, one argument a port


class Aggregator(Component, nn.Module):
    """Combines the gradients of a stage's terms into the one that the student follows, in place of their sum.

    A stage without an aggregator follows the gradient of the objective itself, which is the sum.
    """

    def forward(self, gradients: Tensor) -> Tensor:
        """``gradients`` is (T, P): a row for each term that weighs something at this step, the gradient of its weight
        times its mean value at all P parameters of the student. Returns (P,) of the same type."""
        raise NotImplementedError


class Observer(Component):
    """Is told of a run while it runs; what it does cannot change the run. Every call gets plain data, its own copy.

    One that raises is told of aloud, noted in the manifest, and not called again; the run goes on.
    """

    def run_start(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        """Before the first step. ``folder`` is the run folder; write there only below ``folder / "observers"``."""

    def step_end(self, step: Mapping[str, Any]) -> None:
        """After each step: the line that stands in metrics.jsonl, with a key ``gradients`` where they were measured."""

    def run_end(self, result: Mapping[str, Any] | None, error: str | None) -> None:
        """After the last step with the run's ``result``, or with what stopped it (``error``)."""


class Exporter(Component):
    """Writes a trained model as a file that other programs run, and runs what it wrote: nobody gets a file unchecked.

    ``suffix`` is the ending of its files, ``tolerance`` the largest difference to PyTorch, in [0, 1], that it may show.
    """

    suffix: ClassVar[str]
    tolerance: float = 1e-5

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        """Write ``model``, which is in eval mode on the CPU, to ``path``; ``facts`` is what its weights say of it.

        Raises:
            ValueError: such a model cannot be written so, and why.
            ImportError: a package that this takes is not installed.
        """
        raise NotImplementedError

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        """What the file computes, by the means of its own world: (N, 3, H, W) float32 in [0, 1] to ``enhanced``."""
        raise NotImplementedError
