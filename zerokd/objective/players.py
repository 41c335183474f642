"""The players of a stage: the student, and a critic that trains on an objective of its own."""

from __future__ import annotations

from collections.abc import Iterator

from zerokd.objective.models import CRITIC, STUDENT, ModelSet
from zerokd.objective.stage_plan import StagePlan


def iterate_players(stage: StagePlan, models: ModelSet) -> Iterator[tuple[StagePlan, ModelSet]]:
    """The plan of each player of a stage, the student first, and the models that its objective may read: the other
    player is its opponent, which does not train there and is not fixed either."""
    for player in stage.players:
        yield player, select_models(stage, player, models)


def select_models(stage: StagePlan, player: StagePlan, models: ModelSet) -> ModelSet:
    """The models that the objective of a player may read."""
    if stage.critic is None:
        return models
    trained, opponent = (STUDENT, CRITIC) if player is stage else (CRITIC, STUDENT)
    return ModelSet(
        {**models.models, CRITIC: stage.critic.network},
        models.averages,
        trained=trained,
        opponents=frozenset({opponent}),
        student_dtype=models.student_dtype,
        frozen_per_image=models.frozen_per_image,
    )
