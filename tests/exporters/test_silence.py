"""Messages of other libraries' exporters are suppressed, and only while they work."""

import logging
import warnings

import pytest

from zerokd.exporters.silence import silence_exporters


def speak(capsys, caplog):
    """What is seen of one print, one warning and one line of a log."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        print("printed")
        warnings.warn("warned", stacklevel=1)
    logging.getLogger("exporter").warning("logged")
    seen = capsys.readouterr().out, [str(warning.message) for warning in caught], caplog.messages[:]
    caplog.clear()
    return seen


def fail_loudly():
    with silence_exporters():
        print("printed")
        warnings.warn("warned", stacklevel=1)
        logging.getLogger("exporter").warning("logged")
        raise ValueError("failed")


def test_messages_are_suppressed_and_return_even_after_an_error(capsys, caplog):
    with pytest.raises(ValueError, match="failed"):
        fail_loudly()
    assert capsys.readouterr().out == ""
    assert caplog.messages == []
    assert speak(capsys, caplog) == ("printed\n", ["warned"], ["logged"])
