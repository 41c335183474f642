"""A GPU's work recorded once and launched as a whole: between hundreds of small kernels, a GPU would mostly wait for
Python to launch the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

WARM_UP = 3  # calls before the recording, in which libraries choose their kernels and get their memory


class Replayed:
    """``function`` of tensors like ``given`` on a CUDA device, as a CUDA graph. It must compute by PyTorch's operations
    alone, the same ones each time, and never wait for the device; ``held`` is what it reads beside ``given``. As that
    is read where it lay, the work is recorded anew where some of it has been laid elsewhere.

    Raises:
        RuntimeError: the function waits, or there is no memory for what it computes.
    """

    def __init__(self, function: Callable[..., Sequence[Tensor]], given: Sequence[Tensor], held: Sequence[Tensor]):
        self._function, self._held = function, held
        self._given = [one.clone() for one in given]
        self._record()

    def __call__(self, *given: Tensor) -> list[Tensor]:
        if self._places != self._where():
            self._record()
        torch._foreach_copy_(self._given, given)
        self._graph.replay()
        return [one.clone() for one in self._results]  # the next replay writes where this one did

    @torch.no_grad()
    def _record(self) -> None:
        before = [one.clone() for one in self._held]  # a loss may keep a state
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                self._function(*self._given)
        torch.cuda.current_stream().wait_stream(beside)
        for one, its in zip(self._held, before, strict=True):
            one.copy_(its)
        self._places, self._graph = self._where(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._results = self._function(*self._given)

    def _where(self) -> list[int]:
        return [one.data_ptr() for one in self._held]
