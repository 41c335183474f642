"""Which model each player of a stage trains, and which models it may read."""

import torch
from attrs import evolve

from zerokd.critics.patch import Patch
from zerokd.objective.models import ModelSet, Role
from zerokd.objective.players import iterate_players, select_models
from zerokd.objective.stage_plan import CriticPlan


def test_a_stage_without_critic_has_one_player_and_the_models_as_they_are(build):
    components = build()
    (stage, *_) = components.stages
    assert list(iterate_players(stage, components)) == [(stage, components)]


def test_each_player_trains_its_own_model_against_the_other(build):
    components = build()
    (stage, own, *_) = components.stages
    critic = Patch(width=2, depth=1)
    stage = evolve(stage, critic=CriticPlan(critic, own, every=3, steps=2))
    (_, models), (_, models_of_critic) = iterate_players(stage, components)
    assert (models.trained_model, models_of_critic.trained_model) == (components.student, critic)
    assert [models.get_role(name) for name in ("student", "critic", "teacher", "ema")] == [
        Role.STUDENT, Role.OPPONENT, Role.TEACHER, Role.EMA,
    ]  # fmt: skip
    assert [models_of_critic.get_role(name) for name in ("student", "critic")] == [Role.OPPONENT, Role.STUDENT]
    assert select_models(stage, own, ModelSet({"student": torch.nn.ReLU()}, {})).trained == "critic"


def test_a_critic_takes_all_steps_of_a_turn_at_the_first_of_so_many_batches(build):
    plan = CriticPlan(Patch(width=2, depth=1), build().stages[0], every=3, steps=2)
    assert [plan.count_updates(batches) for batches in range(8)] == [0, 2, 2, 2, 4, 4, 4, 6]
    assert plan.describe_turns() == "the critic takes 2 steps on one batch in 3, before the student does"
