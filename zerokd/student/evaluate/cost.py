"""What a model costs: parameters, multiplications a pixel, and time on this machine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from typing import Any

import torch
from attrs import frozen
from torch.utils.flop_counter import FlopCounterMode

from zerokd.files.machine import processor
from zerokd.plugin.contracts import Model

COUNTED_ON = 96  # side of the image that operations are counted on
TIMED_ON = (512, 512)  # height and width that time is taken on
WARM_UP, RUNS = 3, 11


@frozen
class Cost:
    """``macs`` are multiply-accumulates of convolutions and matrix products for each pixel; ``milliseconds`` the median
    of 11 runs of PyTorch on 512x512 pixels, after 3 that do not count."""

    parameters: int
    macs: float
    milliseconds: float


@torch.no_grad()
def cost_of(model: Model) -> Cost:
    """Count and time a model, in eval mode on the CPU, with the threads that torch has now."""
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, COUNTED_ON, COUNTED_ON))
    low, times = torch.rand(1, 3, *TIMED_ON, generator=torch.Generator().manual_seed(0)), []
    for _ in range(WARM_UP + RUNS):
        started = time.perf_counter()
        model(low)
        times.append(time.perf_counter() - started)
    macs = counter.get_total_flops() / 2 / COUNTED_ON**2  # an operation there is a multiplication or an addition
    return Cost(model.parameter_count(), macs, 1000 * statistics.median(times[WARM_UP:]))


def machine() -> dict[str, Any]:
    """What times were taken on."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "platform": platform.platform(),
    }
