"""Builds the optimizer of a stage."""

from __future__ import annotations

from zerokd.equation.expression import Series
from zerokd.errors import KeyPath
from zerokd.objective.optimizer_plan import OptimizerPlan, ParameterGroup
from zerokd.objective.schedules import describe_overruns, evaluate_learning_rate
from zerokd.optimizers.adam import Adam
from zerokd.plugin.clock import Clock
from zerokd.recipe.build.builder import Builder
from zerokd.recipe.schema import recipe as schema


def build_optimizer(builder: Builder, table: schema.OptimizerConfig, path: KeyPath, clock: Clock) -> OptimizerPlan:
    """The optimizer of the stage that lasts for ``clock``; Adam takes the place of one that failed."""
    plugin = builder.build(table, path)
    learning_rate, schedule = _build_learning_rate(builder, table, (*path, "learning_rate"), clock)
    return OptimizerPlan(
        plugin=Adam() if plugin is None else plugin,
        name=table.use,
        learning_rate=learning_rate,
        final_learning_rate=table.final_learning_rate or 0.0,
        clip_norm=table.clip_norm if isinstance(table.clip_norm, float) else None,
        groups=tuple(
            ParameterGroup(
                group.match,
                group.learning_rate_factor,
                group.weight_decay,
                builder.document.value_place((*path, "groups", index, "match")),
            )
            for index, group in enumerate(table.groups)
        ),
        schedule=schedule,
        place=builder.document.value_place((*path, "use")),
    )


def _build_learning_rate(
    builder: Builder, table: schema.OptimizerConfig, path: KeyPath, clock: Clock
) -> tuple[Series, str]:
    """The learning rate at every step, or the first one of a cosine; and the name of its schedule."""
    if not isinstance(table.learning_rate, schema.ScheduleConfig):
        return table.learning_rate, "cosine"
    label, name = ".".join(map(str, path)), table.learning_rate.use
    schedule = builder.build(table.learning_rate, path)
    if schedule is not None:
        for text in describe_overruns(label, schedule, clock):
            builder.cautions.setdefault(text, []).append(f"stage {path[1]}")
        with builder.collect_errors(builder.document.value_place(path)):
            return evaluate_learning_rate(label, schedule, clock), name
    return 1.0, name
