"""Every rule that metrics alone have fails on a metric with that defect."""

import pytest
import torch

import zerokd
from tests.testing.planted import failing
from zerokd.testing import metrics
from zerokd.testing.collection import RULES_BY_KIND

DOC = """How near an image is to another.

Formula: 1 - mean |a - b|.
Returns: (N,), in [0, 1], 1 exactly when both are equal.
Source: none; for tests.
Pitfalls: none that is known.

Example:
    >>> 1 + 1
    2
"""


class Good(zerokd.Metric):
    __doc__ = DOC
    ports = {
        "image": zerokd.Port("the image that is judged", (0.0, 1.0), default="student.enhanced"),
        "target": zerokd.Port("what it should be", (0.0, 1.0), default="teacher.enhanced", like="image"),
    }
    better = "higher"
    bounds = (0.0, 1.0)
    best_on = ("identical",)
    worsens_with = ("noise", "darkening")

    def forward(self, *, image, target):
        return 1 - (image - target).abs().mean(dim=(1, 2, 3))


def variant(**names):
    return type("Planted", (Good,), {"__doc__": DOC, **names})


def drawing(self, *, image, target):
    return (Good.forward(self, image=image, target=target) + 1e-3 * torch.rand((), device=image.device)).clamp(0, 1)


PLANTED = {
    "says_what_is_better": (variant(better="bigger"), ("best_value", "worsening")),
    "repeats": (
        variant(forward=drawing),
        ("batch_company", "batch_order", "best_value", "worsening", "state_round_trip"),
    ),
}


def test_a_good_metric_passes_everything():
    assert failing("metrics", Good) == {}


def test_every_rule_of_its_own_has_its_defect():
    assert {rule.name for rule in metrics.RULES} == set(PLANTED)
    assert set(metrics.RULES) <= set(RULES_BY_KIND["metrics"])


@pytest.mark.parametrize("name", PLANTED)
def test_the_check_fails_on_its_defect_and_hardly_another(name):
    component, others = PLANTED[name]
    result = failing("metrics", component)
    assert name in result
    assert set(result) <= {name, *others}, result


def test_lower_is_better_where_it_says_so():
    assert set(failing("metrics", variant(better="lower"))) == {"best_value", "worsening"}
