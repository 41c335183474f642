"""A small network with several losses, trained with an aggregator as zerokd does it, and by a loop of a test."""

import torch

import zerokd

LABELS = ("a.one", "a.two", "b.three")
WEIGHTS = (1.0, 20.0, 0.3)
CLOCK = zerokd.Clock(steps=24, steps_per_epoch=4)
RATE = 0.02  # of SGD, for the network


def is_computed(step, index):
    """The second term rests at two of three steps, the third one begins late."""
    return {0: True, 1: step % 3 == 0, 2: step >= 5}[index]


class Problem:
    """Three regressions by one network; the same at every call."""

    def __init__(self):
        generator = torch.Generator().manual_seed(7)
        draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
        self.weights = [draw(3, 5).mul(0.5).requires_grad_(), draw(5, 3).mul(0.5).requires_grad_()]
        self.inputs = draw(CLOCK.steps, 8, 3)
        self.targets = draw(8, 3) * torch.tensor([0.2, 3.0, 1.0], dtype=torch.float64)

    def losses(self, step):
        """The mean value of each of the terms that the step computes, by its index."""
        output = torch.tanh(self.inputs[step] @ self.weights[0]) @ self.weights[1]
        errors = (output - self.targets).square().mean(dim=0)
        return {index: errors[index] for index in range(3) if is_computed(step, index)}

    def descend(self, gradient):
        """A step of SGD by a flat gradient."""
        with torch.no_grad():
            for weight, part in zip(self.weights, gradient.split([15, 15]), strict=True):
                weight -= RATE * part.view_as(weight)

    def gradient(self, value, **options):
        return torch.cat([part.reshape(-1) for part in torch.autograd.grad(value, self.weights, **options)])


def train_with(weighting):
    """The factors of each step by term, and the network's numbers at the end."""
    problem, history = Problem(), []
    weighting.start(LABELS, CLOCK)
    weighting.double()
    for step in range(CLOCK.steps):
        losses = problem.losses(step)
        indices = [*losses]
        rows = [problem.gradient(WEIGHTS[index] * loss, retain_graph=True) for index, loss in losses.items()]
        terms = zerokd.TermValues(
            labels=tuple(LABELS[index] for index in indices),
            positions=torch.tensor(indices),
            values=torch.stack([*losses.values()]).detach(),
            weights=torch.tensor([WEIGHTS[index] for index in indices], dtype=torch.float64),
            step=step,
            clock=CLOCK,
        )
        factors = weighting.factors(torch.stack(rows), terms)
        problem.descend(factors @ torch.stack(rows))
        history.append(dict(zip(indices, factors.tolist(), strict=True)))
    return history, torch.cat([weight.detach().reshape(-1) for weight in problem.weights])


def require_same(weighting, reference):
    """Check every factor of every step, and the trained network, against a loop written out."""
    factors, network = train_with(weighting)
    expected_factors, expected_network = reference
    assert len(factors) == len(expected_factors) == CLOCK.steps
    for step, (ours, theirs) in enumerate(zip(factors, expected_factors, strict=True)):
        assert ours.keys() == theirs.keys()
        for index, factor in ours.items():
            assert abs(factor - theirs[index]) <= 1e-6 * max(1.0, abs(theirs[index])), (step, index)
    torch.testing.assert_close(network, expected_network, rtol=1e-6, atol=1e-6)
    assert any(abs(factor - 1) > 0.01 for step in factors for factor in step.values())
