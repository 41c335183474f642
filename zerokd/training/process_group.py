"""The processes of a run that torchrun started: the first one leads, the others compute what it orders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Self

import torch
from attrs import field, frozen
from torch import Tensor, distributed

from zerokd.errors import OutputError, Problem

NO_MORE_STEPS = -1  # in place of a stage's index: the run is over


def is_follower() -> bool:
    """Whether another process leads this one."""
    return int(os.environ.get("RANK", "0")) > 0


def resolve_local_device(device: str) -> str:
    """The device of this process: on a host with several GPUs, each process has its own."""
    return f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" and "LOCAL_RANK" in os.environ else device


def max_images_per_process(batch_size: int) -> int:
    """The largest number of images of a batch that one process computes."""
    return -(-batch_size // _get_world_size())


def _get_world_size() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


class ProcessLostError(OutputError):
    """A process of the run ended, or never joined."""


@frozen
class ProcessGroup:
    """This process and the others of its run.

    The leader broadcasts orders and parameters. Gradients come back one by one in the order of ranks, so that their sum
    has the same bits every time.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(factory=lambda: torch.device("cpu"))

    @classmethod
    @contextmanager
    def join(cls, device: torch.device) -> Iterator[Self]:
        """The group of all processes that torchrun started, or of this one alone; dismisses the others at the end.

        Raises:
            ProcessLostError: a process did not join, or ended.
        """
        size = _get_world_size()
        if size == 1:
            yield cls()
            return
        with _detect_lost_process():
            if device.type == "cuda":
                torch.cuda.set_device(device)
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        group = cls(distributed.get_rank(), size, device)
        try:
            yield group
        except ProcessLostError:
            raise  # nobody is left to dismiss
        except BaseException:
            with suppress(ProcessLostError):
                group.dismiss()
            raise
        else:
            group.dismiss()
        finally:
            distributed.destroy_process_group()

    def dismiss(self) -> None:
        """End the other processes, if this one leads."""
        if self.rank == 0:
            self.broadcast_order(NO_MORE_STEPS, 0, False)

    def get_slice(self, image_count: int, rank: int | None = None) -> slice:
        """The images of a batch that a process computes; the first processes take the remainder of the division."""
        rank = self.rank if rank is None else rank
        size, remainder = divmod(image_count, self.size)
        start = rank * size + min(rank, remainder)
        return slice(start, start + size + (rank < remainder))

    def broadcast_order(self, stage_index: int, step: int, per_term: bool) -> None:
        """Order the others to compute their parts of a step."""
        self._broadcast(torch.tensor([stage_index, step, per_term], device=self.device))

    def receive_order(self) -> tuple[int, int, bool] | None:
        """The leader's next order (stage index, step, per_term); None at the end."""
        order = torch.zeros(3, dtype=torch.long, device=self.device)
        self._broadcast(order)
        stage_index, step, per_term = order.tolist()
        return None if stage_index == NO_MORE_STEPS else (stage_index, step, bool(per_term))

    @torch.no_grad()
    def broadcast_tensors(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite these tensors of every process by the leader's."""
        values = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        self._broadcast(values)
        if self.rank:
            for tensor, part in zip(tensors, values.split([tensor.numel() for tensor in tensors]), strict=True):
                tensor.detach().copy_(part.view_as(tensor))

    def send(self, tensor: Tensor) -> None:
        """Send a tensor to the leader."""
        with _detect_lost_process():
            distributed.send(tensor.contiguous(), 0)

    def receive(self, like: Tensor, rank: int) -> Tensor:
        """A tensor of the shape and dtype of ``like``, from another process."""
        received = torch.empty_like(like, memory_format=torch.contiguous_format)
        with _detect_lost_process():
            distributed.recv(received, rank)
        return received

    def _broadcast(self, tensor: Tensor) -> None:
        with _detect_lost_process():
            distributed.broadcast(tensor, 0)


@contextmanager
def _detect_lost_process() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:  # torch.distributed raises both
        hint = "resume from the last checkpoint, with any number of processes: zerokd resume RUN"
        first = str(error).strip().splitlines()[0][:160]
        raise ProcessLostError(Problem(f"a process of this run ended: {first}", hints=(hint,))) from error
