"""Something done beside the run that the run must not notice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def preserve_global_state() -> Iterator[None]:
    """The global random generators of Python, numpy and torch, and the settings of torch that decide a run's bits, are
    afterwards as they were."""
    drawn, numbers, tensors = random.getstate(), np.random.get_state(), torch.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    threads, kind, learns = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    exact, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    precision = torch.get_float32_matmul_precision()
    try:
        yield
    finally:
        random.setstate(drawn)
        np.random.set_state(numbers)
        torch.set_rng_state(tensors)
        if devices:
            torch.cuda.set_rng_state_all(devices)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_default_dtype(kind)
        torch.set_grad_enabled(learns)
        torch.use_deterministic_algorithms(exact, warn_only=warns)
        if torch.get_float32_matmul_precision() != precision:
            torch.set_float32_matmul_precision(precision)
