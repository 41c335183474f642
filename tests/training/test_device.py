"""Where a run computes."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from zerokd.errors import RecipeError
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp
from zerokd.training.device import choose_device, choose_memory_format

FRESH = """
import resource, sys, torch
from zerokd.training.device import keep_freed_memory
if "keep" in sys.argv and not keep_freed_memory():
    print(-1); sys.exit()
for number in range(30):
    if number == 20:  # the first few may not fit what lies around them
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(2**24).fill_(1)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize() / 2**26)
"""


def tensors_with_new_pages(*arguments):
    """For how many of the last 10 of equal tensors, each freed before the next, the system has to make pages."""
    done = subprocess.run([sys.executable, "-c", FRESH, *arguments], capture_output=True, text=True, check=True)
    return float(done.stdout)


def test_freed_memory_serves_the_next_tensor():
    count = tensors_with_new_pages("keep")
    if count < 0:
        pytest.skip("this C library cannot be asked to keep freed memory")
    assert count < 1
    assert tensors_with_new_pages() > 8


GIVEN_BACK = """
from pathlib import Path
import torch
from zerokd.training.device import release_freed_memory, keep_freed_memory
resident = lambda: int(Path("/proc/self/statm").read_text().split()[1])
if not keep_freed_memory():
    print(-1); raise SystemExit
before, held = resident(), [torch.ones(2**20) for _ in range(64)]
last = torch.ones(2**20)
del held
kept, said = resident() - before, release_freed_memory()
print((resident() - before) / kept, said)
"""


def test_what_was_kept_is_given_back_when_asked_for_and_no_more_than_that():
    done = subprocess.run([sys.executable, "-c", GIVEN_BACK], capture_output=True, text=True, check=True)
    left, *answer = done.stdout.split()
    if float(left) < 0:
        pytest.skip("this C library cannot be asked to keep freed memory")
    assert float(left) < 0.1
    assert answer == ["True"]


SETTLED = """
import os, sys, torch
from zerokd.training.device import configure_determinism
configure_determinism(torch.device(sys.argv[1]), 1)
whole = not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
print(whole, os.environ.get("CUBLAS_WORKSPACE_CONFIG"), torch.are_deterministic_algorithms_enabled())
"""


@pytest.mark.parametrize(
    ("device", "environment", "expected"),
    [
        ("cuda", {}, "True :4096:8 True"),
        ("cuda:1", {"CUBLAS_WORKSPACE_CONFIG": ":16:8"}, "True :16:8 True"),
        ("cpu", {}, "False None True"),
    ],
)
def test_a_gpu_multiplies_whole_float32_and_repeats(device, environment, expected):
    environment = {key: value for key, value in os.environ.items() if key != "CUBLAS_WORKSPACE_CONFIG"} | environment
    command = [sys.executable, "-c", SETTLED, device]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == expected.split()
    assert "deprecated" not in done.stderr


SUBNORMAL = """
import torch
from zerokd.training.device import configure_determinism
numbers = torch.full((2**22,), 1e-38)
before = (numbers / 100 == 0).float().mean()
configure_determinism(torch.device("cpu"), 2)
print(before.item(), (numbers / 100 == 0).float().mean().item())
"""


def test_a_run_computes_without_subnormal_numbers():
    done = subprocess.run([sys.executable, "-c", SUBNORMAL], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "0.0"
    assert float(done.stdout.split()[1]) >= 0.5  # at least this thread's half: a thread of before keeps its mode


def test_an_unknown_device_is_refused():
    with pytest.raises(RecipeError, match="device 'cudda' cannot be used"):
        choose_device("cudda")
    assert choose_device("cpu") == torch.device("cpu")


def test_channels_lie_together_in_wide_networks_alone():
    assert choose_memory_format(NanoDce()) is torch.contiguous_format
    assert choose_memory_format(NanoDce(width=16)) is torch.channels_last
    assert choose_memory_format(ZeroDcePp()) is torch.channels_last
    assert choose_memory_format(nn.Linear(64, 64)) is torch.contiguous_format
