"""Where a run computes, and what is settled there before its first step."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

import torch
from torch import nn

from zerokd.errors import Problem, RecipeError

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt
NEVER_TRIM = 2**31 - 1
WIDE_CHANNELS = 16  # channels


def choose_device(name: str) -> torch.device:
    """The device of that name.

    Raises:
        RecipeError: there is no such device here.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0]
        raise RecipeError(
            Problem(f"device {name!r} cannot be used: {first}", hints=("leave --device out for cpu",))
        ) from None
    return device


def configure_determinism(device: torch.device, threads: int, tf32: bool = False) -> None:
    """Pin what decides a run's bits, and keep freed memory for the next tensor of its size. ``tf32``: on GPUs, what
    convolutions multiply keeps 10 of 23 bits."""
    torch.set_num_threads(threads)
    if device.type == "cuda":
        # read by cuBLAS when it is first called; without it equal products may differ in their last bits
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # PyTorch's own default for convolutions is True: less than a recipe asks for that asks for nothing
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = tf32, False
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    # the default pays a pass over every new tensor so that reading one unwritten repeats; none is read here
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    keep_freed_memory()


def choose_memory_format(network: nn.Module) -> torch.memory_format:
    """How a network's tensors lie in memory: with their channels together where it has many. A pointwise layer of four
    channels takes eight times as long so, a depthwise one of 32 a third (benchmarks/layouts.py)."""
    widest = max((module.out_channels for module in network.modules() if isinstance(module, nn.Conv2d)), default=0)
    return torch.channels_last if widest >= WIDE_CHANNELS else torch.contiguous_format


def keep_freed_memory() -> bool:
    """Ask the C library not to give large buffers back: the pages of a new one cost more than many a layer that fills
    it. Whether it could be asked; only glibc can."""
    mallopt = _find_glibc_function("mallopt")
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, NEVER_TRIM))


def release_freed_memory() -> bool:
    """Let the system have what has been kept until now: what comes next needs less. Whether there was any."""
    trim = _find_glibc_function("malloc_trim")
    return trim is not None and bool(trim(0))


def _find_glibc_function(name: str) -> Callable[..., int] | None:
    """A function that only this C library has."""
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
    return found
