"""The processes of one run, as torchrun starts them: the first one leads, the others compute what it asks for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Self

import torch
from attrs import field, frozen
from torch import Tensor, distributed

from zerokd.errors import OutputError, Problem

NO_MORE_STEPS = -1  # in place of a stage's number: nothing more is asked for


def is_follower() -> bool:
    """Whether another process of the run leads this one."""
    return int(os.environ.get("RANK", "0")) > 0


def resolve_local_device(device: str) -> str:
    """The device of this process: of several GPUs each process of a host has its own."""
    return f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" and "LOCAL_RANK" in os.environ else device


def max_images_per_process(batch_size: int) -> int:
    """How many images of a batch are a process's own, at most."""
    return -(-batch_size // _get_world_size())


def _get_world_size() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


class ProcessLostError(OutputError):
    """A process of the run is gone, or never came."""


@frozen
class ProcessGroup:
    """This process and the others of its run. The leader's orders and parameters reach all of them; gradients come back
    one after another, in the order of ranks, so that their sum is the same to the bit every time."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(factory=lambda: torch.device("cpu"))

    @classmethod
    @contextmanager
    def join(cls, device: torch.device) -> Iterator[Self]:
        """All processes that torchrun has started, or this one alone. The others are let go at the end.

        Raises:
            LostError: they could not be joined, or one of them is gone.
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
            raise  # there is nobody to be told
        except BaseException:
            with suppress(ProcessLostError):
                group.dismiss()
            raise
        else:
            group.dismiss()
        finally:
            distributed.destroy_process_group()

    def dismiss(self) -> None:
        """Nothing more is asked for; only the leader's word counts."""
        if self.rank == 0:
            self.broadcast_order(NO_MORE_STEPS, 0, False)

    def get_slice(self, image_count: int, rank: int | None = None) -> slice:
        """Which of so many images are a process's own; the first processes have one more where they do not divide."""
        rank = self.rank if rank is None else rank
        each, more = divmod(image_count, self.size)
        start = rank * each + min(rank, more)
        return slice(start, start + each + (rank < more))

    def broadcast_order(self, stage_index: int, step: int, per_term: bool) -> None:
        """Have the others compute their parts of a step."""
        self._broadcast(torch.tensor([stage_index, step, per_term], device=self.device))

    def receive_order(self) -> tuple[int, int, bool] | None:
        """What the leader asks for next; None at the end."""
        order = torch.zeros(3, dtype=torch.long, device=self.device)
        self._broadcast(order)
        stage, step, apart = order.tolist()
        return None if stage == NO_MORE_STEPS else (stage, step, bool(apart))

    @torch.no_grad()
    def broadcast_tensors(self, tensors: Sequence[Tensor]) -> None:
        """Give the leader's values to all."""
        values = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        self._broadcast(values)
        if self.rank:
            for one, piece in zip(tensors, values.split([tensor.numel() for tensor in tensors]), strict=True):
                one.detach().copy_(piece.view_as(one))

    def send(self, tensor: Tensor) -> None:
        """To the leader."""
        with _detect_lost_process():
            distributed.send(tensor.contiguous(), 0)

    def receive(self, like: Tensor, rank: int) -> Tensor:
        """From another process: a tensor of that shape and type."""
        found = torch.empty_like(like, memory_format=torch.contiguous_format)
        with _detect_lost_process():
            distributed.recv(found, rank)
        return found

    def _broadcast(self, tensor: Tensor) -> None:
        with _detect_lost_process():
            distributed.broadcast(tensor, 0)


@contextmanager
def _detect_lost_process() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:  # what torch.distributed raises of every kind
        hint = "the last checkpoint is kept: zerokd resume RUN, with as many processes as there are or with one"
        first = str(error).strip().splitlines()[0][:160]
        raise ProcessLostError(Problem(f"a process of this run was lost: {first}", hints=(hint,))) from error
