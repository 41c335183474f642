"""One evaluation on extreme images serves three rules, and each says which image breaks it."""

import pytest
import torch

import zerokd
from tests.testing.planted import checks
from tests.testing.test_losses import Good, variant
from zerokd.testing.check import CheckError
from zerokd.testing.extreme_images import RULES, evaluate_extreme_images
from zerokd.testing.scenes import EXTREME_IMAGES


def subject_of(component):
    return checks("losses", component)[0].subject


def test_every_scene_is_in_all_ports_and_in_the_first_alone_beside_noise():
    extremes = evaluate_extreme_images(subject_of(Good))
    alone = {f"{name} (prediction alone)" for name in EXTREME_IMAGES}
    assert set(extremes.scenes) == {"noise", "black and white noise", *EXTREME_IMAGES, *alone}
    assert len(extremes.scenes) == len(extremes.values) == len(extremes.gradient_is_finite["prediction"])
    assert [extremes.scenes.count(name) for name in ("black", "one colour", "noise")] == [1, 3, 1]
    shared = torch.tensor([name in EXTREME_IMAGES for name in extremes.scenes])
    assert not extremes.values[shared].any()  # equal images
    assert extremes.values[~shared].all()


def test_values_and_gradients_are_those_of_each_image_alone():
    extremes = evaluate_extreme_images(
        subject_of(variant(lambda self, *, prediction, target: root(prediction, target)))
    )
    assert extremes.values.isfinite().all()
    is_bad = ~extremes.gradient_is_finite["prediction"]
    assert {extremes.scenes[image] for image in is_bad.nonzero().flatten()} == set(EXTREME_IMAGES)  # a root of 0


def root(prediction, target):
    return (prediction - target).square().mean(dim=(1, 2, 3)).sqrt()


def test_one_evaluation_serves_all_rules():
    calls = []

    def counting(self, *, prediction, target):
        calls.append(len(prediction))
        return self.distance(prediction, target).mean(dim=(1, 2, 3))

    own = ("finite_values", "bounds", "finite_gradients")
    for check in checks("losses", variant(counting)):
        if check.name in own:
            check()
    assert sum(calls) == len(evaluate_extreme_images(subject_of(Good)).scenes)
    assert {rule.name for rule in RULES} == set(own[:2])


def test_the_image_is_named_with_its_value():
    def negative_on_white(self, *, prediction, target):
        return self.distance(prediction, target).mean(dim=(1, 2, 3)) - (prediction.mean(dim=(1, 2, 3)) == 1).float()

    failures = {}
    for check in checks("losses", variant(negative_on_white)):
        if check.name == "bounds":
            with pytest.raises(CheckError) as raised:
                check()
            failures[check.name] = check.failure_reason(raised.value)
    assert failures == {"bounds": "[-1] on white is not in [0, inf]"}


def test_an_error_of_the_gradient_is_one_of_that_rule_alone():
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1.0

        @staticmethod
        def backward(ctx, gradient):
            raise ValueError("no slope")

    component = variant(lambda self, *, prediction, target: root(Broken.apply(prediction), target))
    failures = {}
    for check in checks("losses", component):
        if check.name in ("finite_values", "finite_gradients"):
            try:
                check()
            except CheckError as error:
                failures[check.name] = check.failure_reason(error)
    assert failures == {"finite_gradients": "ValueError: no slope"}


def test_a_metric_needs_no_gradient():
    class Level(zerokd.Metric):
        ports = {"image": zerokd.Port("the image to measure", (0.0, 1.0))}
        better = "higher"

        def forward(self, *, image):
            return image.mean(dim=(1, 2, 3))

    extremes = evaluate_extreme_images(checks("metrics", Level)[0].subject)
    assert not extremes.gradient_is_finite
    assert not any("alone" in name for name in extremes.scenes)  # one port
    assert extremes.values[extremes.scenes.index("white")] == 1
