"""Views: what they draw, which depend on each other, and what terms read through them."""

import pytest
import torch

import zerokd
from zerokd.augmentations.flip import Flip
from zerokd.augmentations.random_gamma import RandomGamma
from zerokd.errors import Place
from zerokd.objective.view import BoundView, find_view_cycle, select_input_names

PLACE = Place("here")


def view(name, source="low", augmentation=None):
    return BoundView(name, "flip", augmentation or Flip(), source, PLACE)


def views(**sources):
    return {name: view(name, source) for name, source in sources.items()}


def test_what_draws_nothing_is_not_random():
    assert not view("a").is_random
    random = view("a", augmentation=RandomGamma())
    assert random.is_random
    assert random.draws_name == "a.draws"
    assert random.draw([torch.Generator().manual_seed(seed) for seed in range(3)]).shape == (3,)


@pytest.mark.parametrize(
    ("sources", "cycle"),
    [
        ({"a": "low", "b": "a"}, ()),
        ({"a": "a"}, ("a", "a")),
        ({"a": "student(b).enhanced", "b": "a"}, ("a", "b", "a")),
        ({"a": "b(low)", "b": "a"}, ("a", "b", "a")),
        ({"c": "a", "a": "b", "b": "a"}, ("a", "b", "a")),
    ],
)
def test_a_circle_is_found_wherever_it_runs_through(sources, cycle):
    assert find_view_cycle(views(**sources)) == cycle


def test_inputs_are_found_through_models_and_views():
    objective = zerokd.Objective(
        "task",
        terms={"task.a": zerokd.Term("mse", on={"prediction": "student(b).output", "target": "a(reference)"})},
        models={"student": torch.nn.Conv2d(3, 3, 1)},
        signals={"a": zerokd.View("flip", on="low_3"), "b": zerokd.View("flip", on="low_2")},
    )
    names = select_input_names(objective.plan.terms, views(a="low_3", b="low_2", c="low_4"))
    assert names == {"a", "b", "reference", "low_2"}  # a is applied to the reference alone
    assert objective.graph.input_names == ["low_2", "reference"]


def test_a_view_shows_itself():
    assert repr(zerokd.View("flip", on="low", axis="vertical")) == "View('flip', on='low', axis='vertical')"
    assert repr(zerokd.View(Flip())) == "View(Flip(...), on='low')"
