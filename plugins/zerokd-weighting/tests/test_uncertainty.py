"""Uncertainty weighting against the paper's objective, followed by PyTorch's autograd and Adam."""

import pytest
import torch
from reference import CLOCK, LABELS, WEIGHTS, Problem, require_same
from zerokd_weighting.uncertainty import Uncertainty

import zerokd


def follow_paper(rate):
    """Both the network and the log variances are trained by the gradient of one objective."""
    problem, history = Problem(), []
    log_variances = [torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in LABELS]
    optimizer = torch.optim.Adam(log_variances, lr=rate)
    for step in range(CLOCK.steps):
        losses = problem.losses(step)
        total = sum(
            torch.exp(-log_variances[index]) * WEIGHTS[index] * loss + log_variances[index]
            for index, loss in losses.items()
        )
        history.append({index: torch.exp(-log_variances[index]).item() for index in losses})
        optimizer.zero_grad()
        gradient = problem.gradient(total, retain_graph=True)
        for index in losses:
            log_variances[index].grad = torch.autograd.grad(total, log_variances[index], retain_graph=True)[0]
        optimizer.step()
        problem.descend(gradient)
    return history, torch.cat([weight.detach().reshape(-1) for weight in problem.weights])


@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_against_the_objective_of_the_paper(rate):
    require_same(Uncertainty(learning_rate=rate), follow_paper(rate))


def test_the_optimum_is_one_over_the_contribution():
    """Where the values stay, exp(-s) L + s is smallest at exp(-s) = 1 / L."""
    weighting, clock = Uncertainty(learning_rate=0.05), zerokd.Clock(2000, 1)
    weighting.start(["a.one", "a.two"], clock)
    values, weights = torch.tensor([0.5, 4.0]), torch.tensor([1.0, 2.0])
    for step in range(2000):
        terms = zerokd.TermValues(("a.one", "a.two"), torch.tensor([0, 1]), values, weights, step, clock)
        factors = weighting.factors(torch.eye(2), terms)
    torch.testing.assert_close(factors, 1 / (weights * values), rtol=1e-2, atol=0)


def test_the_limit_holds():
    weighting = Uncertainty(learning_rate=0.5, limit=2.0)
    weighting.start(["a.one", "a.two"], CLOCK)
    for step in range(20):
        values = torch.tensor([0.0, 1e6])
        terms = zerokd.TermValues(("a.one", "a.two"), torch.tensor([0, 1]), values, torch.ones(2), step, CLOCK)
        factors = weighting.factors(torch.eye(2), terms)
    torch.testing.assert_close(factors, torch.tensor([2.0, -2.0]).exp())
