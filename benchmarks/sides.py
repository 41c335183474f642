"""The two sides of the step benchmark, on the same stage of recipes/paper.toml, images and student."""

from __future__ import annotations

import io
from itertools import cycle
from pathlib import Path

import torch
from torch import Tensor
from usual import Usual

from zerokd.objective.graph import Graph
from zerokd.objective.objective import Objective
from zerokd.plugin.host import discover
from zerokd.recipe.build.overrides import with_options
from zerokd.recipe.build.static_checks import checked
from zerokd.recipe.toml.extends import read_recipe
from zerokd.run.session import prepare
from zerokd.training.batches import batches
from zerokd.training.device import choose_device
from zerokd.training.loop import take
from zerokd.training.nonfinite_policy import Guard
from zerokd.training.state import Training
from zerokd.training.step_log import Metrics

RECIPE = Path(__file__).parents[1] / "recipes" / "paper.toml"
GUARD = Guard(0)
SEEN = 2  # batches that both sides see in turn
SETTINGS = (
    'terms.distillation.perceptual.weights="random"',
    "data.held_out=0.0",
    "diagnose_every=1000000",
)


class Stage:
    """A stage of the recipe and its first batches; ``stepper`` where it is prepared as for a run."""

    def __init__(
        self,
        name: str,
        size: int,
        threads: int,
        batch: int,
        settings: tuple[str, ...],
        device: str = "cpu",
        *,
        prepared: bool,
    ):
        given = (f"data.size={size}", f"data.count={SEEN * batch}", f"stages.{name}.batch={batch}")
        given = (*SETTINGS, *given, f"threads={threads}", f'run=["{name}"]', *settings)
        _, self.components = checked(with_options(read_recipe(RECIPE), given), discover())
        (self.phase,), self.device = self.components.phases, choose_device(device)
        if prepared:
            (self.stepper,) = prepare(self.components, self.device).steppers
            self.objective = self.stepper.objective
        else:
            torch.set_num_threads(threads)
            self.objective = Objective(self.phase, Graph(self.phase, self.components))
        found = batches(self.components.data, range(SEEN * batch), self.phase, 0, self.device)
        self.batches = [next(found) for _ in range(SEEN)]


class usual_side:  # noqa: N801 - one of two that are called alike
    def __init__(self, *given, unused: bool = False):
        stage = Stage(*given, prepared=False)
        weights = stage.objective.weights_at(0)
        perceptual = weights.get("distillation.perceptual")
        vgg = stage.objective.losses["distillation/perceptual"].features if perceptual else None
        self.usual = Usual(stage.components, stage.phase, weights, vgg, unused, stage.device)
        self.images = cycle([batch.low.contiguous() for batch in stage.batches])
        self.first = stage.batches[0].low.contiguous()

    def kept(self) -> float:
        return 0.0

    def gradient(self) -> Tensor:
        self.usual.step(self.first, optimize=False)
        return self.usual.gradient()

    def step(self) -> None:
        self.usual.step(next(self.images))


class zerokd_side:  # noqa: N801
    """What :func:`zerokd.training.loop.train` does at each step, but for checkpoints."""

    def __init__(self, *given):
        self.stage = Stage(*given, prepared=True)
        self.training = Training(self.stage.phase, self.stage.objective, self.stage.components)
        self.metrics = Metrics(self.stage.phase, self.stage.objective, io.StringIO())
        self.count = 0

    def kept(self) -> float:
        """MiB of what is kept of the images."""
        return self.stage.stepper.targets.bytes_held() / 2**20

    def gradient(self) -> Tensor:
        self.training.forget()
        self.stage.stepper.backward(self.stage.batches[0], 0, apart=False)
        return torch.cat([one.grad.reshape(-1) for one in self.stage.stepper.parameters])

    def step(self) -> None:
        batch = self.stage.batches[self.count % SEEN]
        self.count += 1
        take(self.training, self.stage.stepper, self.stage.components, batch, self.metrics, GUARD)
