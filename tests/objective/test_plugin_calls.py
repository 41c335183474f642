"""Whatever a component raises or returns in a step, the error names the term, the component and the line."""

import asyncio

import pytest
import torch

from tests.proof.test_term_traps import TERM, Image, planted, sample  # noqa: F401 - a fixture
from zerokd.errors import OutOfMemoryError, OutputError, PluginError
from zerokd.objective.plugin_calls import call_component
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe


class OwnExit(BaseException):
    """An exception that is no Exception."""


RAISED = [ValueError("boom"), SystemExit(3), GeneratorExit(), asyncio.CancelledError(), OwnExit("x"), StopIteration()]
RETURNED = {
    "another shape": (lambda value: value[:1], r"got shape \(1,\)"),
    "one number": (lambda value: value.mean(), r"got shape \(\)"),
    "None": (lambda value: None, "got NoneType"),
    "text": (lambda value: "0.5", "got str"),
    "integers": (lambda value: value.long(), "got torch.int64"),
}


class Turning(Image):
    """Good until ``turn`` is set: then it raises that, or returns what it makes of its value."""

    turn = None

    def forward(self, *, enhanced):
        if isinstance(self.turn, BaseException):
            raise self.turn
        value = enhanced.mean(dim=(1, 2, 3))
        return value if self.turn is None else self.turn(value)


@pytest.fixture
def turned(planted):  # noqa: F811
    """An objective that was proven, whose loss then turns."""
    components = planted(Turning)
    objective = probe(components.stages[1], components, Batch.from_images(sample()))

    def turned(turn):
        objective.loss(TERM).turn = turn
        return objective({"low": sample()})

    assert len(turned(None).values[TERM]) == len(sample())
    return turned


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_any_exception_in_a_step_names_term_and_loss(turned, error):
    with pytest.raises(PluginError, match=r"distillation\.planted: loss 'Turning' failed: ") as caught:
        turned(error)
    assert type(error).__name__ in str(caught.value)
    assert caught.value.problems[0].place is not None


@pytest.mark.parametrize(("turn", "message"), RETURNED.values(), ids=RETURNED)
def test_any_other_value_in_a_step_is_told_as_before_the_first_step(turned, turn, message):
    text = "distillation.planted: Turning must return (one value per image|float32 or wider).*"
    with pytest.raises(PluginError, match=text + message) as caught:
        turned(turn)
    assert caught.value.problems[0].code == "not-per-image"


def test_the_users_interrupt_and_zerokds_own_errors_pass():
    def raising(error):
        raise error

    for error in (KeyboardInterrupt(), OutputError("the disk is full")):
        with pytest.raises(type(error)):
            call_component("x", raising, error)
    with pytest.raises(OutOfMemoryError):
        call_component("x", raising, MemoryError())


def test_a_model_that_fails_in_a_step_is_named(build):
    components = build()
    objective = probe(components.stages[1], components, Batch.from_images(torch.rand(2, 3, 32, 32)))

    def forward(low):
        raise OwnExit

    components.models["teacher"].forward = forward
    with pytest.raises(PluginError, match=r"'teacher'.*OwnExit"):
        objective({"low": torch.rand(2, 3, 32, 32)})
