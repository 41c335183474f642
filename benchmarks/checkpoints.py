"""The cost of a checkpoint, including its flush to disk, as a share of training at the default interval.

Steps and checkpoints of each stage of recipes/paper.toml alternate, so that other load on the machine affects both.

    python benchmarks/checkpoints.py [--set KEY=VALUE ...]
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from pathlib import Path

import click

from zerokd.objective.objective import Objective
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run.checkpointer import Checkpointer
from zerokd.run.interrupt import StopRequest
from zerokd.run.plan import RunPlan, prepare_run
from zerokd.training.checkpoint import LAST_FILE
from zerokd.training.device import choose_device
from zerokd.training.loop import train
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step_log import StepLog, open_metrics

RECIPE = Path(__file__).parents[1] / "recipes" / "paper.toml"
ROUNDS = 40


class RoundsCompletedError(Exception):
    """Ends the training after ``ROUNDS`` steps."""


def measure_checkpoints(plan: RunPlan, stage: StagePlan, objective: Objective) -> tuple[list[float], list[float], int]:
    """Seconds of each step and of each checkpoint, and the size of a checkpoint in bytes."""
    steps: list[float] = []
    saves: list[float] = []
    with tempfile.TemporaryDirectory() as name, open_metrics(Path(name) / "metrics.jsonl", 0) as file:
        checkpointer = Checkpointer(Path(name) / "checkpoints", 0.0, StopRequest(), NonFinitePolicy(0))
        metrics, training = StepLog(stage, objective, file), StageState(stage, objective, plan.components)
        times = [time.perf_counter()]

        def after_step() -> None:
            times.append(time.perf_counter())
            checkpointer.save(training, metrics)
            saves.append(time.perf_counter() - times[-1])
            steps.append(times[-1] - times[-2])
            times[-1] += saves[-1]
            if len(saves) == ROUNDS:
                raise RoundsCompletedError

        with contextlib.suppress(RoundsCompletedError):
            train(
                training, plan.components, plan.training_indices, metrics, plan.device, NonFinitePolicy(0), after_step
            )
        return steps, saves, (checkpointer.folder / LAST_FILE).stat().st_size


@click.command()
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE")
def main(settings: tuple[str, ...]) -> None:
    """Print, for each stage, the median step and checkpoint, and what checkpoints take of a run."""
    _, components = check_recipe(apply_options(read_recipe_document(RECIPE), settings), discover_plugins())
    plan = prepare_run(components, choose_device("cpu"))
    for stage, objective in zip(components.stages, plan.objectives, strict=True):
        steps, saves, size = measure_checkpoints(plan, stage, objective)
        step, cost = statistics.median(steps), statistics.median(saves)
        interval = components.checkpoint_seconds
        click.echo(
            f"{stage.name}: a checkpoint costs {cost / step:.2f} steps, {1000 * cost:.1f} ms (slowest "
            f"{1000 * max(saves):.1f}), {size} bytes; {cost / interval:.3%} of the run at one every {interval:g} s"
        )


if __name__ == "__main__":
    main()
