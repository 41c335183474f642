"""Every rule of schedules fails on a schedule with that defect."""

import numpy as np
import pytest

import zerokd
from tests.testing.planted import failing
from zerokd.testing.collection import RULES_BY_KIND


class Good(zerokd.Schedule):
    """Rises from 0 to 1."""

    def values(self, steps, clock):
        return steps / clock.steps


def variant(values):
    return type("Planted", (Good,), {"__doc__": "A test.", "values": values})


def writes(self, steps, clock):
    steps /= clock.steps
    return steps * 1.0


PLANTED = {
    "numbers": (variant(lambda self, steps, clock: (steps / clock.steps).astype(np.float32)), ()),
    "pure": (variant(lambda self, steps, clock: np.linspace(0.0, 1.0, len(steps))), ()),
    "inputs_unchanged": (variant(writes), ("pure",)),
}


def test_a_good_schedule_passes_everything():
    assert failing("schedules", Good) == {}


def test_every_rule_has_its_defect():
    assert {rule.name for rule in RULES_BY_KIND["schedules"]} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_the_check_fails_on_its_defect_and_hardly_another(name):
    component, others = PLANTED[name]
    result = failing("schedules", component)
    assert name in result
    assert set(result) <= {name, *others}, result


def test_a_refusal_is_a_valueerror_with_a_word():
    def mute(self, steps, clock):
        raise ValueError

    def other(self, steps, clock):
        raise KeyError("end")

    assert "without a message" in failing("schedules", variant(mute))["numbers"]
    assert "KeyError in a stage of 1 steps" in failing("schedules", variant(other))["numbers"]
