"""What a user writes of an objective, and the line that it stands on."""

import inspect

import pytest

import zerokd
from zerokd.errors import Place, calling_place
from zerokd.objective.declaration import make_clock


def test_a_term_knows_its_line_and_how_it_was_written():
    line = inspect.currentframe().f_lineno + 1
    term = zerokd.Term("mse", on={"prediction": "student.output"}, adapt="gap", weight=0.5, monitor=True)
    assert (term.place.file, term.place.line, term.place.column) == (__file__, line, 5)
    assert term.place.text.strip().startswith("term = zerokd.Term(")
    assert repr(term) == "Term('mse', on={'prediction': 'student.output'}, adapt=['gap'], weight=0.5, monitor=True)"
    assert repr(zerokd.Term("ssim", window=5, when={"every": "2 steps"})) == (
        "Term('ssim', window=5, when={'every': '2 steps'})"
    )


def test_a_place_is_outside_the_package():
    assert calling_place().file == __file__


def test_epochs_divide_the_steps_that_are_given():
    assert make_clock(None, None, Place("here")) is None
    clock = make_clock(12, 5, Place("here"))
    assert (clock.steps, clock.steps_per_epoch) == (12, 5)
    assert make_clock(12, None, Place("here")).steps_per_epoch == 12
    for steps, per_epoch in ((0, None), (None, 5), (5, 0)):
        with pytest.raises(zerokd.RecipeError, match=f"steps is {steps}, steps_per_epoch {per_epoch}"):
            make_clock(steps, per_epoch, Place("here"))
