"""GradNorm against its algorithm, with the gradient of its own loss by autograd."""

import pytest
import torch
from reference import CLOCK, LABELS, WEIGHTS, Problem, require_same
from zerokd_weighting.gradnorm import Gradnorm

import zerokd


def follow_paper(alpha, rate):
    """Algorithm 1 of the paper, with all weights of the network in place of the last shared layer."""
    problem, history = Problem(), []
    factors = [torch.ones((), dtype=torch.float64, requires_grad=True) for _ in LABELS]
    optimizer, first = torch.optim.Adam(factors, lr=rate), {}
    for step in range(CLOCK.steps):
        losses = problem.losses(step)
        for index, loss in losses.items():
            first.setdefault(index, loss.item())
        weighted = {index: factors[index] * WEIGHTS[index] * loss for index, loss in losses.items()}
        history.append({index: factors[index].item() for index in losses})
        norms = {
            index: problem.gradient(value, retain_graph=True, create_graph=True).norm()
            for index, value in weighted.items()
        }
        ratios = {index: loss.item() / first[index] for index, loss in losses.items()}
        mean_ratio = sum(ratios.values()) / len(ratios)
        mean_norm = sum(norm.item() for norm in norms.values()) / len(norms)
        loss = sum((norms[index] - mean_norm * (ratios[index] / mean_ratio) ** alpha).abs() for index in losses)
        optimizer.zero_grad()
        own = [factors[index] for index in losses]
        for factor, gradient in zip(own, torch.autograd.grad(loss, own, retain_graph=True), strict=True):
            factor.grad = gradient
        gradient = problem.gradient(sum(weighted.values()))
        total = sum(factor.item() for factor in own)
        optimizer.step()
        with torch.no_grad():
            scale = total / sum(factor.item() for factor in own)
            for factor in own:
                factor *= scale
        problem.descend(gradient)
    return history, torch.cat([weight.detach().reshape(-1) for weight in problem.weights])


@pytest.mark.parametrize(("alpha", "rate"), [(1.5, 0.025), (0.0, 0.01), (0.5, 0.03)])
def test_against_the_algorithm_of_the_paper(alpha, rate):
    require_same(Gradnorm(alpha=alpha, learning_rate=rate), follow_paper(alpha, rate))


def test_norms_even_out_and_the_factors_keep_their_sum():
    weighting, clock = Gradnorm(alpha=0.0, learning_rate=0.01), zerokd.Clock(600, 1)
    weighting.start(["a.one", "a.two"], clock)
    rows = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    for step in range(600):
        terms = zerokd.TermValues(("a.one", "a.two"), torch.tensor([0, 1]), torch.ones(2), torch.ones(2), step, clock)
        factors = weighting.factors(rows, terms)
        assert factors.sum().item() == pytest.approx(2.0, abs=1e-4)
    torch.testing.assert_close(factors, torch.tensor([0.5, 1.5]), atol=0.05, rtol=0)


def test_no_factor_turns_against_its_term():
    weighting, clock = Gradnorm(alpha=0.0, learning_rate=0.5), zerokd.Clock(50, 1)
    weighting.start(["a.one", "a.two"], clock)
    for step in range(50):
        terms = zerokd.TermValues(("a.one", "a.two"), torch.tensor([0, 1]), torch.ones(2), torch.ones(2), step, clock)
        assert (weighting.factors(torch.tensor([[1e3, 0.0], [0.0, 1.0]]), terms) > 0).all()
