"""A plugin's failure is told as the plugin's."""

import pytest

from zerokd.errors import DataError, PluginError
from zerokd.plugin.blame import blame


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (ValueError("two\nlines"), "loss 'x' failed: ValueError: two"),
        (SystemExit(0), "loss 'x' failed: SystemExit: 0"),
        (KeyError(), "loss 'x' failed: KeyError"),
    ],
)
def test_whatever_a_plugin_raises_is_named(fault, told):
    with pytest.raises(PluginError) as caught, blame("loss 'x'"):
        raise fault
    assert caught.value.problems[0].message == told
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("fault", [DataError("ours"), OSError(28, "full"), KeyboardInterrupt()])
def test_our_own_errors_and_expected_ones_pass(fault):
    with pytest.raises(type(fault)) as caught, blame("loss 'x'", OSError):
        raise fault
    assert caught.value is fault
