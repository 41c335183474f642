"""The cost of measuring the terms' gradients, as a share of training at the default interval.

Steps and measurements of each stage of recipes/paper.toml alternate, so that other load on the machine affects both.

    python benchmarks/diagnostics.py [--set KEY=VALUE ...]
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import click
import torch

from zerokd.objective.gradients import compare_gradients, term_gradients
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run.plan import prepare_run
from zerokd.training.batches import iterate_batches
from zerokd.training.device import choose_device

RECIPE = Path(__file__).parents[1] / "recipes" / "paper.toml"
ROUNDS = 30


@click.command()
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE")
def main(settings: tuple[str, ...]) -> None:
    """Print, for each stage, the cost of one measurement in steps and its share of the run."""
    _, components = check_recipe(apply_options(read_recipe_document(RECIPE), settings), discover_plugins())
    plan = prepare_run(components, choose_device("cpu"))
    parameters = [parameter for parameter in components.student.parameters() if parameter.requires_grad]
    for stage, objective in zip(components.stages, plan.objectives, strict=True):
        optimizer = torch.optim.Adam(parameters, lr=1e-4)
        steps, measurements = [], []
        for number, batch in enumerate(iterate_batches(components.data, plan.training_indices, stage, 0, plan.device)):
            if number == ROUNDS:
                break
            start = time.perf_counter()
            evaluation = objective(stage.plugin.inputs(batch), number)
            middle = time.perf_counter()
            compare_gradients(term_gradients(evaluation.weights, evaluation.values, parameters))
            after = time.perf_counter()
            optimizer.zero_grad()
            evaluation.total.backward()
            optimizer.step()
            steps.append(middle - start + time.perf_counter() - after)
            measurements.append(after - middle)
        ratio = statistics.median(measurements) / statistics.median(steps)
        share = ratio / components.diagnose_every
        click.echo(
            f"{stage.name}: one measurement costs {ratio:.2f} steps, {share:.2%} of the stage at every "
            f"{components.diagnose_every} steps"
        )


if __name__ == "__main__":
    main()
