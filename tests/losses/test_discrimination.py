"""The critic's half of the game, by hand, and what both halves say of one score."""

import math

import pytest
import torch

from zerokd.losses.adversarial import Adversarial
from zerokd.losses.discrimination import Discrimination

REAL, FAKE = torch.tensor([[0.0, 3.0]]), torch.tensor([[1.0, -2.0]])


def log1p_exp(value):
    return math.log(1 + math.exp(value))


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("least_squares", ((1 + 4) / 2 + (1 + 4) / 2) / 2),
        ("hinge", (1 + 0) / 2 + (2 + 0) / 2),
        ("logistic", (log1p_exp(0) + log1p_exp(-3)) / 2 + (log1p_exp(1) + log1p_exp(-2)) / 2),
        ("wasserstein", -0.5 - 1.5),
    ],
)
def test_values_by_hand(form, expected):
    assert Discrimination(form=form)(real=REAL, fake=FAKE).item() == pytest.approx(expected)


@pytest.mark.parametrize("form", ["least_squares", "hinge", "logistic", "wasserstein"])
def test_the_players_pull_a_score_of_the_student_in_opposite_directions(form):
    score = torch.zeros(1, 1, requires_grad=True)
    (for_student,) = torch.autograd.grad(Adversarial(form=form)(score=score).sum(), score)
    fake = torch.full((1, 1), 0.5, requires_grad=True)
    (for_critic,) = torch.autograd.grad(Discrimination(form=form)(real=REAL, fake=fake).sum(), fake)
    assert for_student < 0 < for_critic
