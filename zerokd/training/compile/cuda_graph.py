"""A GPU's kernels recorded once and launched as a whole: between hundreds of small kernels, a GPU would mostly wait for
Python to launch the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

WARM_UP_CALLS = 3  # before recording: libraries choose their kernels and allocate memory


class CudaGraphStep:
    """A function of CUDA tensors like ``example_inputs``, recorded as a CUDA graph.

    The function must run the same PyTorch operations at each call and never wait for the device. ``state_tensors`` are
    what it reads besides its inputs; if one of them moves in memory, the graph is recorded again.

    Raises:
        RuntimeError: the function waits for the device, or memory runs out.
    """

    def __init__(
        self,
        function: Callable[..., Sequence[Tensor]],
        example_inputs: Sequence[Tensor],
        state_tensors: Sequence[Tensor],
    ):
        self._function, self._state_tensors = function, state_tensors
        self._static_inputs = [tensor.clone() for tensor in example_inputs]
        self._capture()

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        if self._captured_addresses != self._get_addresses():
            self._capture()
        torch._foreach_copy_(self._static_inputs, inputs)
        self._graph.replay()
        return [tensor.clone() for tensor in self._static_outputs]  # the next replay overwrites them

    @torch.no_grad()
    def _capture(self) -> None:
        copies = [tensor.clone() for tensor in self._state_tensors]  # the warm-up may change a loss's state
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_CALLS):
                self._function(*self._static_inputs)
        torch.cuda.current_stream().wait_stream(stream)
        for tensor, copy in zip(self._state_tensors, copies, strict=True):
            tensor.copy_(copy)
        self._captured_addresses, self._graph = self._get_addresses(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._static_outputs = self._function(*self._static_inputs)

    def _get_addresses(self) -> list[int]:
        return [tensor.data_ptr() for tensor in self._state_tensors]
