"""Decides which student leaves a run, and when the last stage ends early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zerokd.errors import did_you_mean
from zerokd.objective.models import STUDENT, AveragedModel
from zerokd.objective.selection import Selection
from zerokd.objective.term import BoundMetric
from zerokd.recipe.build.builder import Builder
from zerokd.recipe.build.names import RecipeNames
from zerokd.recipe.schema import recipe as schema


def build_selection(
    builder: Builder,
    recipe: schema.Recipe,
    names: RecipeNames,
    averages: Mapping[str, AveragedModel],
    metrics: Sequence[BoundMetric],
) -> Selection:
    """What a recipe exports. Reports an unknown metric, an average that is missing or ambiguous, and keys that lack
    another key."""
    place = builder.document.value_place
    best = recipe.best
    if recipe.export == "best" and best is None:
        hint = 'add [best] with metric = "NAME", and measure_every = 1'
        builder.report('export = "best" needs the table [best]', place(("export",)), hint, code="missing-key")
    known = names.declared("metrics")
    if recipe.measure_every and not known:
        hint = "add a metric: [metrics.NAME]"
        builder.report("measure_every: the recipe has no metric", place(("measure_every",)), hint, code="missing-key")
    if best is not None and best.metric not in known:
        text, hints = f"best.metric: unknown metric {best.metric!r}", did_you_mean(best.metric, known)
        builder.report(text, place(("best", "metric")), *hints, code="unknown-component")
    if best is not None and not recipe.measure_every:
        hint = "add measure_every = 1: epochs between two measurements"
        builder.report("best: metrics are measured at the end of a stage only", place(("best",)), hint, code="setting")
    bound = next((metric for metric in metrics if best is not None and metric.name == best.metric), None)
    return Selection(
        export=recipe.export,
        measure_every=recipe.measure_every,
        metric="" if bound is None else bound.name,
        better="higher" if bound is None else bound.metric.better,
        patience=0 if best is None else best.patience,
        average=_find_average(builder, averages) if recipe.export == "average" else "",
    )


def _find_average(builder: Builder, averages: Mapping[str, AveragedModel]) -> str:
    """The only average of the student; "" where there is none."""
    own = [name for name, average in averages.items() if average.source_name == STUDENT]
    if len(own) != 1:
        text = f'export = "average": the recipe has {len(own) or "no"} averages of the student'
        hint = "remove all but one" if own else 'add [models.ema] with average_of = "student"'
        builder.report(text, builder.document.value_place(("export",)), hint, code="missing-key")
        return ""
    return own[0]
