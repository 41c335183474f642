"""A GPU's work recorded once and launched as a whole: between hundreds of small kernels, a GPU would mostly wait for
Python to launch the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

WARM_UP_CALLS = 3  # calls before the recording, in which libraries choose their kernels and get their memory


class CudaGraphStep:
    """``function`` of tensors like ``given`` on a CUDA device, as a CUDA graph. It must compute by PyTorch's operations
    alone, the same ones each time, and never wait for the device; ``held`` is what it reads beside ``given``. As that
    is read where it lay, the work is recorded anew where some of it has been laid elsewhere.

    Raises:
        RuntimeError: the function waits, or there is no memory for what it computes.
    """

    def __init__(
        self,
        function: Callable[..., Sequence[Tensor]],
        example_inputs: Sequence[Tensor],
        state_tensors: Sequence[Tensor],
    ):
        self._function, self._state_tensors = function, state_tensors
        self._static_inputs = [one.clone() for one in example_inputs]
        self._capture()

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        if self._captured_addresses != self._get_addresses():
            self._capture()
        torch._foreach_copy_(self._static_inputs, inputs)
        self._graph.replay()
        return [
            static_output.clone() for static_output in self._static_outputs
        ]  # the next replay writes where this one did

    @torch.no_grad()
    def _capture(self) -> None:
        before = [state_tensor.clone() for state_tensor in self._state_tensors]  # a loss may keep a state
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP_CALLS):
                self._function(*self._static_inputs)
        torch.cuda.current_stream().wait_stream(beside)
        for one, its in zip(self._state_tensors, before, strict=True):
            one.copy_(its)
        self._captured_addresses, self._graph = self._get_addresses(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._static_outputs = self._function(*self._static_inputs)

    def _get_addresses(self) -> list[int]:
        return [state_tensor.data_ptr() for state_tensor in self._state_tensors]
