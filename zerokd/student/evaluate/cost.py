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

from zerokd.files.machine import processor_name
from zerokd.plugin.contracts import Model

MAC_COUNT_SIDE = 96  # side of the image that operations are counted on
TIMING_SIZE = (512, 512)  # height and width that time is taken on
WARMUP_RUNS, TIMED_RUNS = 3, 11


@frozen
class ModelCost:
    """``macs`` are multiply-accumulates of convolutions and matrix products for each pixel; ``milliseconds`` the median
    of 11 runs of PyTorch on 512x512 pixels, after 3 that do not count."""

    parameters: int
    macs_per_pixel: float
    milliseconds: float


@torch.no_grad()
def measure_cost(model: Model) -> ModelCost:
    """Count and time a model, in eval mode on the CPU, with the threads that torch has now."""
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, MAC_COUNT_SIDE, MAC_COUNT_SIDE))
    low, times = torch.rand(1, 3, *TIMING_SIZE, generator=torch.Generator().manual_seed(0)), []
    for _ in range(WARMUP_RUNS + TIMED_RUNS):
        started = time.perf_counter()
        model(low)
        times.append(time.perf_counter() - started)
    macs = counter.get_total_flops() / 2 / MAC_COUNT_SIDE**2  # an operation there is a multiplication or an addition
    return ModelCost(model.parameter_count(), macs, 1000 * statistics.median(times[WARMUP_RUNS:]))


def describe_machine() -> dict[str, Any]:
    """What times were taken on."""
    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "platform": platform.platform(),
    }
