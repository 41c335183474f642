"""A plugin's failure is told as the plugin's."""

import pytest
import torch

from zerokd.errors import DataError, OutOfMemoryError, PluginError
from zerokd.plugin.error_attribution import attribute_errors


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (ValueError("two\nlines"), "loss 'x' failed: ValueError: two"),
        (SystemExit(0), "loss 'x' failed: SystemExit: 0"),
        (KeyError(), "loss 'x' failed: KeyError"),
    ],
)
def test_whatever_a_plugin_raises_is_named(fault, message):
    with pytest.raises(PluginError) as caught, attribute_errors("loss 'x'"):
        raise fault
    assert caught.value.problems[0].message == message
    assert caught.value.exit_code == 2


CPUS = "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to allocate "
GPUS = "CUDA out of memory. Tried to allocate 20.50 GiB. GPU 0 has a total capacity of 79.10 GiB."


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        (RuntimeError(CPUS + "301989888 bytes. Error code 12 (Cannot allocate memory)"), ", 288 MiB more were"),
        (torch.OutOfMemoryError(GPUS), ", 20.50 GiB more were"),
        (MemoryError("Unable to allocate 128. GiB for an array with shape (17179869184,)"), ", 128 GiB more were"),
        (MemoryError(), ""),
    ],
)
def test_where_memory_runs_out_nobody_is_blamed(fault, more):
    with pytest.raises(OutOfMemoryError) as caught, attribute_errors("model 'teacher'"):
        raise fault
    (problem,) = caught.value.problems
    assert problem.message == f"model 'teacher': memory ran out{more + ' needed at once' if more else ''}"
    assert "images_at_once" in problem.hints[0]
    assert (caught.value.exit_code, problem.code) == (5, "out-of-memory")


@pytest.mark.parametrize(
    "fault", [DataError("ours"), OutOfMemoryError("ours"), OSError(28, "full"), KeyboardInterrupt()]
)
def test_our_own_errors_and_expected_ones_pass(fault):
    with pytest.raises(type(fault)) as caught, attribute_errors("loss 'x'", OSError):
        raise fault
    assert caught.value is fault
