"""The contract of each kind: a plugin author implements one of these classes and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from zerokd.plugin.aggregator_contracts import Aggregator as Aggregator
from zerokd.plugin.aggregator_contracts import TermValues as TermValues
from zerokd.plugin.aggregator_contracts import Weighting as Weighting
from zerokd.plugin.batch import Batch
from zerokd.plugin.clock import Clock
from zerokd.plugin.component import Component
from zerokd.plugin.data_contracts import Augmentation as Augmentation
from zerokd.plugin.data_contracts import Data as Data
from zerokd.plugin.data_contracts import DataConfig as DataConfig
from zerokd.plugin.data_contracts import count_held_out as count_held_out
from zerokd.plugin.ports import Port, Signal


class Loss(Component, nn.Module):
    """A term of a training objective: takes ports by keyword, returns one value per image, (N,), float32 or wider.

    It has no weight, never reduces over the batch, and averages over every other axis, so that its value does not
    grow with N, H, W or the channel count. ``bounds`` is the closed interval of possible values. A loss whose
    formula multiplies the whole value by a constant, or by a number of its config, declares it as ``factor``, so that
    `zerokd explain` includes it.

    Gradient flows through the ports with ``grad=True`` alone: zerokd detaches the others before :meth:`forward`, except
    ``differentiable`` ones, at which a loss may take the gradient of another port (a gradient penalty, a Jacobian).

    ``best_on`` names the scenes on which the value is ``bounds[0]`` exactly, ``worsens_with`` the corruptions of such a
    scene that raise it; both are names in :mod:`zerokd.testing.scenes`.

    A loss that computes much from its other ports alone may split :meth:`forward`: ``prepare`` takes those ports and
    returns tensors (N, ...), ``compare`` takes these tensors in order and the ports with gradient by keyword. Together
    they must compute what :meth:`forward` computes; zerokd caches the prepared tensors of an image.
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
            if not (port.grad or port.differentiable) and name in ports and ports[name].requires_grad:
                ports[name] = ports[name].detach()
        value: Tensor = super().__call__(**ports)
        return value

    def min_size(self) -> int:
        """Return the smallest height and width of its tensors; zerokd refuses smaller data before training."""
        return 1

    forward: Callable[..., Tensor]  # one keyword-only argument per port


class Adapter(Component, nn.Module):
    """Makes the tensors of one term comparable: maps tensors by port name to tensors of the same names.

    ``example`` names two signals of recipes/paper.toml, of student and teacher, to show it on. ``is_per_port`` declares
    that :meth:`forward` adapts each tensor by itself, from the signals that :meth:`describe` received. zerokd may then
    pass some of the ports only, and cache the adapted tensors of a frozen teacher.
    """

    is_per_port: ClassVar[bool] = False
    example: ClassVar[tuple[str, str]] = ("student.enhanced", "teacher.enhanced")

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        """Return the signals that :meth:`forward` returns for such inputs.

        Raises:
            ValueError: it cannot adapt them; the message gives the remedy.
        """
        raise NotImplementedError

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        raise NotImplementedError


class Model(Component, nn.Module):
    """An enhancer: maps low-light RGB ``(N, 3, H, W)`` in [0, 1] to named outputs, including ``enhanced``.

    Every submodule's output is available as the signal ``<owner>.features.<module name>``. ``gated`` names the layers
    with a ReLU after them: a channel that never exceeds 0 is dead.
    ``is_frozen`` declares that it can only be frozen, without parameters to train, as one whose file holds a program.
    To be enhanced in tiles, a model that looks at the whole image has ``measure(low)``, which returns a named tuple of
    tensors (N, ...), and ``render(low, state, (top, left, height, width), strength)`` for a tile that starts at an even
    row and column of such an image, right but within ``reach`` (even) of inner borders; strength 0 gives ``low``.

    Without more, zerokd measures each frame of a video by itself. A model whose state follows over time also has
    ``follow(state, before, measured, seconds)``, which returns the state of a frame from that of the frame before, the
    measured states of both, and the time between; with None for the first two it starts. It starts anew at a cut. And
    it has ``steadiness(before, measured, seconds)``, (N,) in [0, 1]: 0 for a black frame, below 0.5 while a fade lasts.
    At the start and after black frames, zerokd follows the states back from the first steady frames.
    """

    gated: ClassVar[tuple[str, ...]] = ()
    is_frozen: ClassVar[bool] = False
    measure: Callable[[Tensor], tuple[Tensor, ...]] | None = None
    render: Callable[..., Tensor]
    follow: Callable[..., tuple[Tensor, ...]] | None = None
    steadiness: Callable[..., Tensor]
    reach: ClassVar[int] = 0

    def outputs(self) -> dict[str, Signal]:
        """Describe each tensor that :meth:`forward` returns; zerokd measures the shapes."""
        raise NotImplementedError

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        raise NotImplementedError


class Critic(Component, nn.Module):
    """The second player of a stage: scores images, and trains on an objective of its own, in turn with the student.

    The scores are the signal ``critic(SIGNAL).score``, a layer's output is ``critic(SIGNAL).features.LAYER``.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Score images (N, 3, H, W) in [0, 1]: one number for each image or patch, (N, ...), of any range, which
        depends on no other image of the batch."""
        raise NotImplementedError


class Stage(Component):
    """A part of a training run with its own objective. It defines what the objective may read.

    ``reads`` are the roles whose signals its terms may read, ``needs`` those that at least one term must read:
    ``student`` (the trained model), ``teacher`` (any frozen one) and ``ema`` (any average). ``data_signals`` are those
    of the data source that :meth:`inputs` reads beside ``low``, whatever the terms read.
    """

    reads: ClassVar[tuple[str, ...]] = ("student",)
    needs: ClassVar[tuple[str, ...]] = ("student",)

    data_signals: ClassVar[tuple[str, ...]] = ()

    def inputs(self, batch: Batch) -> Mapping[str, Tensor]:
        """Return the input signals of a step: the augmented tensors of its images, and what it computes from them."""
        return batch.tensors


class Schedule(Component):
    """A param or weight that changes during a stage: a pure function of the step, known before training starts."""

    def values(self, steps: np.ndarray, clock: Clock) -> np.ndarray:
        """Return the value at every step: ``steps`` is float64, 0 to ``clock.steps - 1``; the result has its shape.

        Raises:
            ValueError: the schedule does not fit a stage of this length.
        """
        raise NotImplementedError


class Metric(Component, nn.Module):
    """A metric of a trained student: takes ports by keyword, returns one value per image, (N,), without gradient.

    ``better`` is the good direction, ``unit`` the unit (empty: none). ``bounds`` is the closed interval of possible
    values. ``best_on`` names the scenes with the best possible value, ``worsens_with`` the corruptions that make it
    worse; both are names in :mod:`zerokd.testing.scenes`.
    """

    ports: ClassVar[Mapping[str, Port]]
    better: ClassVar[Literal["higher", "lower"]]
    unit: ClassVar[str] = ""
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    best_on: ClassVar[tuple[str | float, ...]] = ()
    worsens_with: ClassVar[tuple[str, ...]] = ()

    def min_size(self) -> int:
        """Return the smallest height and width of its tensors."""
        return 1

    forward: Callable[..., Tensor]  # one keyword-only argument per port


class Optimizer(Component):
    """Creates the PyTorch optimizer of a stage. Its state must consist of tensors, which checkpoints store.

    ``is_elementwise`` declares that the update of a number depends on the values and gradients of this number alone;
    zerokd may then update many small parameters as one flat tensor.
    """

    is_elementwise: bool = False

    def create(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Return an optimizer of ``groups``, as :mod:`torch.optim` takes them: ``params``, ``lr``, and ``weight_decay``
        where the recipe sets one. zerokd sets each group's ``lr`` before each step."""
        raise NotImplementedError


class Observer(Component):
    """Follows a run and cannot change it. Every call receives its own copy of plain data.

    If an observer raises, zerokd prints a warning, notes it in the manifest and disables the observer; the run
    continues.
    """

    def run_start(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        """Called before the first step. ``folder`` is the run folder; write only below ``folder / "observers"``."""

    def step_end(self, step: Mapping[str, Any]) -> None:
        """Called after each step, with its line of metrics.jsonl, and a key ``gradients`` if they were measured."""

    def run_end(self, result: Mapping[str, Any] | None, error: str | None) -> None:
        """Called after the last step with the run's ``result``, or with the ``error`` that stopped it."""


class Exporter(Component):
    """Writes a trained model as a file for other programs, and runs that file, so that zerokd checks every export.

    ``suffix`` is the suffix of its files, ``tolerance`` the largest allowed difference to PyTorch, in [0, 1].
    ``companions`` are the suffixes of more files that ``write`` puts beside the file, under its name.
    """

    suffix: ClassVar[str]
    companions: ClassVar[tuple[str, ...]] = ()
    tolerance: float = 1e-5

    def list_files(self, path: Path) -> tuple[Path, ...]:
        """``path``, and the files that ``write`` puts beside it."""
        return (path, *(path.with_suffix(suffix) for suffix in self.companions))

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        """Write ``model``, in eval mode on the CPU, to ``path``; ``facts`` is the metadata of its weights.

        Raises:
            ValueError: the format cannot express the model; the message says why.
            ImportError: a required package is not installed.
        """
        raise NotImplementedError

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        """Load the file in its own runtime; returns a function of (N, 3, H, W) float32 in [0, 1] to ``enhanced``."""
        raise NotImplementedError
