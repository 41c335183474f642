"""The device of a run, its determinism, and its memory."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

import torch
from torch import nn

from zerokd.errors import Problem, RecipeError

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt
NEVER_TRIM = 2**31 - 1
WIDE_CHANNELS = 16  # a layer with fewer channels is narrow: channels-last and library kernels slow it down


def choose_device(name: str) -> torch.device:
    """The device of that name.

    Raises:
        RecipeError: this machine has no such device.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0]
        raise RecipeError(
            Problem(f"device {name!r} cannot be used: {first}", hints=("omit --device to use the CPU",))
        ) from None
    return device


def configure_determinism(device: torch.device, threads: int, tf32: bool = False) -> None:
    """Fix everything that decides a run's bits, and prepare the CPU. With ``tf32``, a GPU's convolutions round their
    factors to 10 of 23 bits."""
    torch.set_num_threads(threads)
    if device.type == "cuda":
        # cuBLAS reads this at its first call; without it, equal products may differ in their last bits
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # PyTorch's default for convolutions is True, which a recipe must ask for
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = tf32, False
    # torch.use_deterministic_algorithms does the same and imports the compiler, which takes a second
    torch.set_deterministic_debug_mode("error" if device.type == "cpu" else "warn")
    # the default fills every new tensor so that reading it unwritten is repeatable; nothing here does that
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    prepare_cpu()


def choose_memory_format(network: nn.Module) -> torch.memory_format:
    """Channels-last for wide networks: a depthwise layer of 32 channels takes a third of the time in it, a pointwise
    layer of four eight times as long (benchmarks/memory_formats.py)."""
    widest = max((module.out_channels for module in network.modules() if isinstance(module, nn.Conv2d)), default=0)
    return torch.channels_last if widest >= WIDE_CHANNELS else torch.contiguous_format


def prepare_cpu() -> None:
    """Flush subnormal numbers to 0, which some processors compute with at a hundredth of their speed, and keep freed
    memory for later tensors. Threads that this one starts later inherit the mode; those of before keep theirs."""
    torch.set_flush_denormal(True)
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Ask glibc to keep large freed buffers, and return whether it does: the pages of a new buffer cost more time than
    many a layer that fills it."""
    mallopt = _find_glibc_function("mallopt")
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, NEVER_TRIM))


def release_freed_memory() -> bool:
    """Give kept memory back to the system; returns whether there was any."""
    trim = _find_glibc_function("malloc_trim")
    return trim is not None and bool(trim(0))


def _find_glibc_function(name: str) -> Callable[..., int] | None:
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
    return function
