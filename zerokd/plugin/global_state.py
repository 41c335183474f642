"""Code beside training that must not change it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def preserve_global_state() -> Iterator[None]:
    """Restore the global random generators of Python, numpy and torch, and torch's numerical settings."""
    python_state, numpy_state, torch_state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    threads, dtype, grad_enabled = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    deterministic_mode = torch.get_deterministic_debug_mode()
    precision, flushing = torch.get_float32_matmul_precision(), is_flushing_subnormals()
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)
        if cuda_states:
            torch.cuda.set_rng_state_all(cuda_states)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad_enabled)
        torch.set_deterministic_debug_mode(deterministic_mode)
        if torch.get_float32_matmul_precision() != precision:
            torch.set_float32_matmul_precision(precision)
        if is_flushing_subnormals() != flushing:
            torch.set_flush_denormal(flushing)


def is_flushing_subnormals() -> bool:
    """Whether this thread computes with 0 in place of subnormal numbers."""
    tiny = torch.tensor(torch.finfo(torch.float32).tiny)
    return bool(tiny / 4 == 0)
