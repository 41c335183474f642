"""ReLoBRaLo against its formula in plain Python."""

import math

import pytest
import torch
from reference import CLOCK, WEIGHTS, Problem, require_same
from zerokd_weighting.relobralo import Relobralo

import zerokd

LOOKBACKS = {6, 7, 15}


def balance(values, earlier, temperature):
    exponentials = {index: math.exp(values[index] / (temperature * earlier[index])) for index in values}
    return {index: len(values) * part / sum(exponentials.values()) for index, part in exponentials.items()}


def follow_paper(alpha, temperature):
    problem, history = Problem(), []
    weights, first, last = {}, {}, {}
    for step in range(CLOCK.steps):
        losses = problem.losses(step)
        values = {index: loss.item() for index, loss in losses.items()}
        new = {index for index in losses if index not in first}
        first |= {index: values[index] for index in new}
        last |= {index: values[index] for index in new}
        rho = 0.0 if step in LOOKBACKS else 1.0
        to_first, to_last = (balance(values, earlier, temperature) for earlier in (first, last))
        for index in losses:
            if index in new:
                weights[index] = 1.0
                continue
            historic = rho * weights[index] + (1 - rho) * to_first[index]
            weights[index] = alpha * historic + (1 - alpha) * to_last[index]
        history.append({index: weights[index] for index in losses})
        last |= values
        problem.descend(problem.gradient(sum(weights[index] * WEIGHTS[index] * losses[index] for index in losses)))
    return history, torch.cat([weight.detach().reshape(-1) for weight in problem.weights])


@pytest.mark.parametrize(("alpha", "temperature"), [(0.9, 1.0), (0.5, 0.3)])
def test_against_the_formula_of_the_paper(monkeypatch, alpha, temperature):
    monkeypatch.setattr(Relobralo, "_looks_back", lambda self, step: step in LOOKBACKS)
    require_same(Relobralo(alpha=alpha, temperature=temperature), follow_paper(alpha, temperature))


def looking_back(**options):
    weighting = Relobralo(**options)
    return [step for step in range(4000) if weighting._looks_back(step)]


def test_lookbacks_come_as_often_as_rho_says_and_depend_on_seed_and_step():
    assert looking_back(rho=1.0) == []
    assert len(looking_back(rho=0.0)) == 4000
    assert 300 < len(looking_back(rho=0.9)) < 500  # 400 +- 5 standard deviations of 19
    assert looking_back(rho=0.9, seed=3) == looking_back(rho=0.9, seed=3) != looking_back(rho=0.9)


def test_a_lookback_changes_the_factors():
    results = []
    for rho in (0.0, 1.0):
        weighting, clock = Relobralo(rho=rho, alpha=0.5, temperature=1.0), zerokd.Clock(3, 1)
        weighting.start(["a.one", "a.two"], clock)
        for step, values in enumerate([[1.0, 1.0], [0.5, 1.0], [0.25, 1.0]]):
            terms = zerokd.TermValues(
                ("a.one", "a.two"), torch.tensor([0, 1]), torch.tensor(values), torch.ones(2), step, clock
            )
            factors = weighting.factors(torch.eye(2), terms)
        results.append(factors)
    assert results[0][0] < results[1][0]  # the first term has fallen further from its first value than from its last
