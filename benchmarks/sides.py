"""The two sides of the step benchmark: the same stage of recipes/paper.toml, images and student."""

from __future__ import annotations

import io
from itertools import cycle
from pathlib import Path

import torch
from baseline import BaselineTrainer
from torch import Tensor

from zerokd.objective.objective import Objective
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run.plan import prepare_run
from zerokd.training.batches import iterate_batches
from zerokd.training.device import choose_device
from zerokd.training.loop import Player, train_step
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step_log import StepLog

RECIPE = Path(__file__).parents[1] / "recipes" / "paper.toml"
POLICY = NonFinitePolicy(0)
BATCH_COUNT = 2  # batches, one after the other
RECIPE_SETTINGS = (
    'terms.distillation.perceptual.weights="random"',
    "data.held_out=0.0",
    "diagnose_every=1000000",
)


class BenchmarkStage:
    """A stage of the recipe and its first batches; it has an ``accumulator`` if it is prepared as for a run."""

    def __init__(
        self,
        name: str,
        size: int,
        threads: int,
        batch: int,
        settings: tuple[str, ...],
        device: str = "cpu",
        *,
        is_prepared: bool,
    ):
        sizes = (f"data.size={size}", f"data.count={BATCH_COUNT * batch}", f"stages.{name}.batch={batch}")
        settings = (*RECIPE_SETTINGS, *sizes, f"threads={threads}", f'run=["{name}"]', *settings)
        _, self.components = check_recipe(apply_options(read_recipe_document(RECIPE), settings), discover_plugins())
        (self.stage,), self.device = self.components.stages, choose_device(device)
        if is_prepared:
            (self.accumulator,) = prepare_run(self.components, self.device).accumulators
            self.objective = self.accumulator.objective
        else:
            torch.set_num_threads(threads)
            self.objective = Objective.from_plan(self.stage, self.components)
        batches = iterate_batches(self.components.data, range(BATCH_COUNT * batch), self.stage, 0, self.device)
        self.batches = [next(batches) for _ in range(BATCH_COUNT)]


class BaselineSide:
    def __init__(self, *arguments, unused: bool = False):
        stage = BenchmarkStage(*arguments, is_prepared=False)
        weights = stage.objective.weights_at(0)
        perceptual = weights.get("distillation.perceptual")
        vgg = stage.objective.losses["distillation/perceptual"].features if perceptual else None
        self.baseline = BaselineTrainer(stage.components, stage.stage, weights, vgg, unused, stage.device)
        self.images = cycle([batch.low.contiguous() for batch in stage.batches])
        self.first_image = stage.batches[0].low.contiguous()

    def cached_mib(self) -> float:
        return 0.0

    def gradient(self) -> Tensor:
        self.baseline.step(self.first_image, optimize=False)
        return self.baseline.gradient()

    def step(self) -> None:
        self.baseline.step(next(self.images))


class ZerokdSide:
    """Each step of :func:`zerokd.training.loop.train`, without checkpoints."""

    def __init__(self, *arguments):
        self.stage = BenchmarkStage(*arguments, is_prepared=True)
        self.training = StageState(self.stage.stage, self.stage.objective, self.stage.components)
        self.metrics = StepLog(self.stage.stage, self.stage.objective, io.StringIO())
        self.step_count = 0

    def cached_mib(self) -> float:
        """Memory of the cache of frozen outputs."""
        return self.stage.accumulator.frozen_cache.memory_bytes() / 2**20

    def gradient(self) -> Tensor:
        self.training.zero_grad()
        self.stage.accumulator.forward_backward(self.stage.batches[0], 0, per_term=False)
        return torch.cat([parameter.grad.reshape(-1) for parameter in self.stage.accumulator.parameters])

    def step(self) -> None:
        batch = self.stage.batches[self.step_count % BATCH_COUNT]
        self.step_count += 1
        train_step(Player(self.training, self.stage.accumulator, self.metrics), self.stage.components, batch, POLICY)
