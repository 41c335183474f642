"""What a port demands, and what is known of a signal, unless it is declared."""

import attrs
import pytest

from zerokd import Port, Signal


def test_nothing_is_demanded_that_is_not_declared():
    port = Port("the image")
    assert (port.range, port.grad, port.default, port.like, port.channels, port.example) == (
        None,
        False,
        None,
        None,
        None,
        None,
    )
    signal = Signal()
    assert (signal.shape, signal.range, signal.iterations, signal.unchanged) == ((), None, None, None)


@pytest.mark.parametrize("record", [Port("the image"), Signal()])
def test_a_record_does_not_change(record):
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        record.range = (0.0, 1.0)
