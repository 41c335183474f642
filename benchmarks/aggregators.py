"""The cost of a step with an aggregator, as a multiple of a plain step.

Plain and aggregated steps of each stage of recipes/paper.toml alternate, so that other load on the machine
affects both.

    python benchmarks/aggregators.py [--use NAME] [--set KEY=VALUE ...]
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import click

from zerokd.objective.gradients import term_gradients
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run.plan import prepare_run
from zerokd.training.batches import iterate_batches
from zerokd.training.device import choose_device
from zerokd.training.loop import aggregate_step
from zerokd.training.state import StageState

RECIPE = Path(__file__).parents[1] / "recipes" / "paper.toml"
ROUNDS = 60


@click.command()
@click.option("--use", default="sum", help="Name of the aggregator.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE")
def main(use: str, settings: tuple[str, ...]) -> None:
    """Print the cost of an aggregated step of each stage in plain steps."""
    document = read_recipe_document(RECIPE)
    aggregate_settings = [f'stages.{name}.aggregate={{use="{use}"}}' for name in document.tables["run"]]
    _, components = check_recipe(apply_options(document, [*settings, *aggregate_settings]), discover_plugins())
    plan = prepare_run(components, choose_device("cpu"))
    for stage, objective in zip(components.stages, plan.objectives, strict=True):
        training = StageState(stage, objective, components)
        parameters = [parameter for parameter in training.network.parameters() if parameter.requires_grad]
        times: dict[bool, list[float]] = {True: [], False: []}
        for number, batch in enumerate(iterate_batches(components.data, plan.training_indices, stage, 0, plan.device)):
            if number == ROUNDS:
                break
            aggregated = number % 2 == 1
            start = time.perf_counter()
            evaluation = objective(stage.plugin.inputs(batch), number)
            gradients = term_gradients(evaluation.weights, evaluation.values, parameters) if aggregated else {}
            training.zero_grad()
            evaluation.total.backward()
            if aggregated:
                aggregate_step(training, evaluation, gradients, number)
            training.optimizer_step(number)
            times[aggregated].append(time.perf_counter() - start)
        plain, with_aggregator = (statistics.median(times[aggregated]) for aggregated in (False, True))
        click.echo(
            f"{stage.name}: a step of {len(stage.terms)} terms by {use} costs {with_aggregator / plain:.2f} plain steps"
        )


if __name__ == "__main__":
    main()
