"""Metrics are measured without gradient, in eval mode, an image at a time, and tell what is wrong with them."""

import pytest
import torch
from attrs import evolve

from zerokd import Metric, Port
from zerokd.measure.student_metrics import MetricEvaluator

CPU = torch.device("cpu")
PSNR = 'metrics.one={use="psnr", on={target="low"}}'


def images(count, size=32):
    return {"low": torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))}


def metric(compute, **attributes):
    class Mine(Metric):
        ports = {"image": Port("any", default="student.enhanced"), "target": Port("any", like="image")}
        better = "lower"

        def forward(self, *, image, target):
            return compute(image, target)

    for name, value in attributes.items():
        setattr(Mine, name, value)
    return Mine()


def create_evaluator(build, metric_override=None):
    components = build(PSNR)
    if metric_override is not None:
        components = evolve(components, metrics=(evolve(components.metrics[0], metric=metric_override),))
    return MetricEvaluator(components, CPU), components


def test_the_mean_is_over_images_whatever_the_parts(build):
    evaluator, components = create_evaluator(build)
    low = images(5)
    with torch.no_grad():
        metric_override = components.student.eval()(low["low"])["enhanced"]
    expected = -10 * (metric_override - low["low"]).square().mean(dim=(1, 2, 3)).log10()
    parts = [{"low": part} for part in low["low"].split(2)]
    result = evaluator.evaluate(parts)["one"]
    assert (result.images, result.error) == (5, "")
    assert result.value == pytest.approx(float(expected.mean()), rel=1e-6)


def test_nothing_carries_gradient_and_no_metric_can_write_to_what_others_read(build):
    seen = []

    def spoil(image, target):
        seen.append((image.requires_grad, torch.is_grad_enabled()))
        return target.zero_().mean(dim=(1, 2, 3))

    evaluator, _ = create_evaluator(build, metric(spoil))
    low = images(2)
    before = low["low"].clone()
    assert evaluator.evaluate([low])["one"].value == 0.0
    assert seen == [(False, False)]
    assert torch.equal(low["low"], before)


def test_a_metric_that_draws_changes_no_number_of_the_run(build):
    evaluator, _ = create_evaluator(build, metric(lambda image, target: torch.rand(len(image))))
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    evaluator.evaluate([images(2)])
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("compute", "attributes", "message"),
    [
        (lambda image, target: image.mean(), {}, "must return one value per image, shape (N,), got shape ()"),
        (lambda image, target: None, {}, "got NoneType"),
        (lambda image, target: image.mean(dim=(1, 2, 3)).half(), {}, "must return float32 or wider, got torch.float16"),
        (lambda image, target: image.mean(dim=(1, 2, 3)) / 0, {}, "is not finite"),
        (lambda image, target: image.mean(dim=(1, 2, 3)) - 5, {"bounds": (0.0, 1.0)}, "is declared within [0, 1]"),
        (lambda image, target: image.nothing, {}, "metric 'psnr' failed: AttributeError"),
    ],
)
def test_what_a_metric_does_wrong_is_told_at_its_place(build, compute, attributes, message):
    evaluator, _ = create_evaluator(build, metric(compute, **attributes))
    results = evaluator.evaluate([images(2)])
    (problem,) = evaluator.find_failures(results)
    assert problem.message.startswith("metrics.one: ")
    assert message in problem.message
    assert problem.place.file.startswith("--set metrics.one")
    assert results["one"].value is None


def test_ports_that_do_not_fit_are_told(build):
    low = {**images(1)}
    (problem,) = create_evaluator(build, metric(lambda image, target: None, min_size=lambda self: 40))[
        0
    ].find_port_problems(low)[:1]
    assert problem.message == "metrics.one: psnr needs at least 40 pixels a side, got 32x32"
    components = build('metrics.one={use="psnr", on={target="student.features.e_conv1"}}')
    messages = [problem.message for problem in MetricEvaluator(components, CPU).find_port_problems(low)]
    assert messages[0].startswith("metrics.one: port 'target' takes [0, 1], student.features.e_conv1 has unbounded")
    assert "channels of 32x32" in messages[1]
