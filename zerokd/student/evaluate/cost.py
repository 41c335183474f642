"""The cost of a model: parameters, multiply-accumulates per pixel, and time on this machine."""

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

MAC_COUNT_SIDE = 96  # of the image on which operations are counted
TIMING_SIZE = (512, 512)  # height and width of the image on which time is measured
WARMUP_RUNS, TIMED_RUNS = 3, 11
MIN_TIMED_RUNS, TIMED_SECONDS = 3, 1.5  # a slow model is timed until so many seconds have passed


@frozen
class ModelCost:
    """The cost of a model.

    Attributes:
        macs_per_pixel: multiply-accumulates of convolutions and matrix products.
        milliseconds: the median of up to 11 runs of PyTorch on 512x512 pixels, after up to 3 warm-up runs.
    """

    parameters: int
    macs_per_pixel: float
    milliseconds: float


@torch.no_grad()
def measure_cost(model: Model) -> ModelCost:
    """Count and time a model, in eval mode on the CPU, with the current number of torch threads."""
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, MAC_COUNT_SIDE, MAC_COUNT_SIDE))
    low = torch.rand(1, 3, *TIMING_SIZE, generator=torch.Generator().manual_seed(0))
    times: list[float] = []
    while len(times) < WARMUP_RUNS + TIMED_RUNS and (len(times) < MIN_TIMED_RUNS + 1 or sum(times) < TIMED_SECONDS):
        start = time.perf_counter()
        model(low)
        times.append(time.perf_counter() - start)
    macs = counter.get_total_flops() / 2 / MAC_COUNT_SIDE**2  # it counts a multiplication and an addition as two
    return ModelCost(
        model.parameter_count(), macs, 1000 * statistics.median(times[min(WARMUP_RUNS, len(times) - MIN_TIMED_RUNS) :])
    )


def describe_machine() -> dict[str, Any]:
    """The machine and the software that times depend on."""
    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "platform": platform.platform(),
    }
