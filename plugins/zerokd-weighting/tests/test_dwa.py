"""DWA by hand, and against its formula over the lists of all values."""

import math

import pytest
import torch
from reference import CLOCK, WEIGHTS, Problem, require_same
from zerokd_weighting.dwa import Dwa

import zerokd


def follow_paper(temperature):
    """Every value is kept, and the means are taken anew at each step."""
    problem, history = Problem(), []
    values = {index: {} for index in range(3)}  # term -> epoch -> its values
    for step in range(CLOCK.steps):
        epoch, losses = step // CLOCK.steps_per_epoch, problem.losses(step)
        ratios = {}
        for index in losses:
            means = [sum(part) / len(part) for number, part in sorted(values[index].items()) if number < epoch]
            ratios[index] = means[-1] / means[-2] if len(means) >= 2 else 1.0
        total = sum(math.exp(ratio / temperature) for ratio in ratios.values())
        factors = {index: len(losses) * math.exp(ratio / temperature) / total for index, ratio in ratios.items()}
        history.append(factors)
        for index, loss in losses.items():
            values[index].setdefault(epoch, []).append(loss.item())
        problem.descend(problem.gradient(sum(factors[index] * WEIGHTS[index] * losses[index] for index in losses)))
    return history, torch.cat([weight.detach().reshape(-1) for weight in problem.weights])


@pytest.mark.parametrize("temperature", [2.0, 0.2])
def test_against_the_formula_of_the_paper(temperature):
    require_same(Dwa(temperature=temperature), follow_paper(temperature))


def test_by_hand():
    """One term halves its mean from epoch 1 to 2, the other one keeps it: the slower one gains."""
    weighting, clock = Dwa(temperature=0.5), zerokd.Clock(6, 2)
    weighting.start(["a.one", "a.two"], clock)
    for step, values in enumerate([[2.0, 1.0], [4.0, 3.0], [1.0, 2.0], [2.0, 2.0], [9.0, 9.0], [5.0, 0.0]]):
        terms = zerokd.TermValues(
            ("a.one", "a.two"), torch.tensor([0, 1]), torch.tensor(values), torch.ones(2), step, clock
        )
        factors = weighting.factors(torch.eye(2), terms)
        if step < 4:
            assert factors.tolist() == [1.0, 1.0]
        else:
            one, two = math.exp(0.5 / 0.5), math.exp(1.0 / 0.5)
            expected = torch.tensor([2 * one / (one + two), 2 * two / (one + two)])
            torch.testing.assert_close(factors, expected)
