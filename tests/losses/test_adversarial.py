"""The student's half of the game, by hand."""

import math

import pytest
import torch

from zerokd.losses.adversarial import Adversarial

SCORES = torch.tensor([[[0.0, 2.0]], [[1.0, 1.0]]])


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("least_squares", [1.0, 0.0]),
        ("logistic", [(math.log(2) + math.log(1 + math.exp(-2))) / 2, math.log(1 + math.exp(-1))]),
        ("hinge", [-1.0, -1.0]),
        ("wasserstein", [-1.0, -1.0]),
    ],
)
def test_values_by_hand(form, expected):
    assert Adversarial(form=form)(score=SCORES).tolist() == pytest.approx(expected)


def test_one_score_an_image_is_enough():
    assert Adversarial()(score=torch.tensor([3.0, 1.0])).tolist() == [4.0, 0.0]
