"""The command line with a device that is not the CPU, for machines that have none: ``--device elsewhere``.

Its tensors are the CPU's, told apart. As on a GPU, an operation on tensors of both is an error, and whatever makes
Python see a number waits for the device. As on Apple's, there is no float64.

    python -m tests.elsewhere FILE STOP run recipe.toml --device elsewhere

writes into FILE why each step waited and how many bytes it was sent, counted from the end of the step before, and
interrupts the run after STOP steps, never if that is 0. Half of the memory that ELSEWHERE_BYTES names is free.
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils import backend_registration

import zerokd.cli
from zerokd.training import loop

aten = torch.ops.aten
MOVES = {aten.copy_.default, aten._to_copy.default}  # from one device to the other
INDEXED = {aten.index.Tensor, aten.index_put_.default, aten._index_put_impl_.default}  # indices may be the CPU's
SIZED = {aten.nonzero.default, aten.masked_select.default, aten._unique2.default}  # values decide the result's shape
waits, sent = [], []


class Elsewhere(Tensor):
    """A tensor of that device; ``held`` has its numbers, in the same memory layout."""

    @staticmethod
    def __new__(cls, held):
        if held.dtype == torch.float64:
            raise TypeError("elsewhere has no float64")
        layout = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        return Tensor._make_wrapper_subclass(cls, held.shape, **layout, device="elsewhere:0")

    def __init__(self, held):
        self.held = held

    @property
    def data(self):
        return Elsewhere(self.held)

    @data.setter
    def data(self, other):
        Tensor.data.__set__(self, other)
        self.held = other.held

    def tolist(self):
        waits.append("tolist")
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, operation, types, arguments=(), options=None):
        return compute(operation, *arguments, **(options or {}))


def compute(operation, *arguments, **options):
    """Any operation of that device."""
    tensors = [tree_leave for tree_leave in pytree.tree_leaves((arguments, options)) if isinstance(tree_leave, Tensor)]
    mine = {id(tensor.held): tensor for tensor in tensors if isinstance(tensor, Elsewhere)}
    others = [tensor for tensor in tensors if not isinstance(tensor, Elsewhere) and tensor.ndim]
    if mine and others and operation not in MOVES | INDEXED:
        raise RuntimeError(f"{operation}: all tensors have to be on one device, found elsewhere and {others[0].device}")
    to = arguments[0].device if operation is aten.copy_.default else options.get("device")
    if operation in MOVES and others and torch.device(to).type == "elsewhere":
        sent.append(others[0].nbytes)
    leaves = to is not None and torch.device(to).type == "cpu"
    if options.get("device") is not None:
        options["device"] = "cpu"
    arguments, options = pytree.tree_map(lambda one: getattr(one, "held", one), (arguments, options))
    found = operation(*arguments, **options)
    masked = operation in INDEXED and any(
        argument is not None and argument.dtype == torch.bool for argument in arguments[1]
    )
    if leaves or masked or operation in SIZED or any(isinstance(one, bool | int | float) for one in [found]):
        waits.append(str(operation))
    if leaves:
        return found

    def told_apart(one):
        return mine[id(one)] if id(one) in mine else Elsewhere(one)

    return pytree.tree_map_only(Tensor, told_apart, found)


class Device(backend_registration._DummyBackendModule):
    """What PyTorch asks a device for beside operations."""

    def manual_seed(self, seed):
        """Nothing of its own: what is drawn there is drawn by the CPU's generator."""

    def mem_get_info(self, device=None):
        """Free and whole memory, bytes."""
        whole = int(os.environ.get("ELSEWHERE_BYTES", "0"))
        return whole // 2, whole


def watched(file, stop, take=loop.train_step):
    """A run's step, watched."""
    steps = []

    def step(*given):
        take(*given)
        steps.append({"waits": [*waits], "sent": sum(sent)})
        waits.clear()
        sent.clear()
        file.write_text(json.dumps(steps))
        if len(steps) == stop:
            os.kill(os.getpid(), signal.SIGINT)

    return step


if __name__ == "__main__":
    backend_registration._setup_privateuseone_for_python_backend("elsewhere", backend_module=Device())
    library = torch.library.Library("_", "IMPL")
    library.fallback(compute, "PrivateUse1")
    loop.train_step = watched(Path(sys.argv[1]), int(sys.argv[2]))
    sys.argv[1:3] = []
    zerokd.cli.main()
