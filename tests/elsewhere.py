"""The command line with a device that is not the CPU, for machines that have none: ``--device elsewhere``.

Its tensors are CPU tensors of a type of their own. As on a GPU, an operation on tensors of both devices is an error,
and reading a number in Python waits for the device. As on Apple's GPUs, there is no float64.

Half of ELSEWHERE_BYTES of memory is free.
"""

import json
import os
import signal
from pathlib import Path

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils import backend_registration

from zerokd.training import loop

aten = torch.ops.aten
MOVES = {aten.copy_.default, aten._to_copy.default}  # between the devices
INDEXED = {aten.index.Tensor, aten.index_put_.default, aten._index_put_impl_.default}  # indices may be the CPU's
SIZED = {aten.nonzero.default, aten.masked_select.default, aten._unique2.default}  # values decide the result's shape
waits, sent, registered = [], [], []


class Elsewhere(Tensor):
    """A tensor of that device; ``held`` is a CPU tensor with its numbers, in the same memory layout."""

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
    """Run any operation of that device."""
    tensors = [leaf for leaf in pytree.tree_leaves((arguments, options)) if isinstance(leaf, Tensor)]
    mine = {id(tensor.held): tensor for tensor in tensors if isinstance(tensor, Elsewhere)}
    others = [tensor for tensor in tensors if not isinstance(tensor, Elsewhere) and tensor.ndim]
    if mine and others and operation not in MOVES | INDEXED:
        raise RuntimeError(f"{operation}: all tensors have to be on one device, found elsewhere and {others[0].device}")
    to = arguments[0].device if operation is aten.copy_.default else options.get("device")
    if operation in MOVES and others and torch.device(to).type == "elsewhere":
        sent.append(others[0].nbytes)
    to_cpu = to is not None and torch.device(to).type == "cpu"
    if options.get("device") is not None:
        options["device"] = "cpu"
    arguments, options = pytree.tree_map(lambda leaf: getattr(leaf, "held", leaf), (arguments, options))
    result = operation(*arguments, **options)
    masked = operation in INDEXED and any(
        argument is not None and argument.dtype == torch.bool for argument in arguments[1]
    )
    if to_cpu or masked or operation in SIZED or isinstance(result, bool | int | float):
        waits.append(str(operation))
    if to_cpu:
        return result

    def wrap(tensor):
        return mine[id(tensor)] if id(tensor) in mine else Elsewhere(tensor)

    return pytree.tree_map_only(Tensor, wrap, result)


class Device(backend_registration._DummyBackendModule):
    """What PyTorch needs of a device beside operations."""

    def manual_seed(self, seed):
        """Nothing: the CPU's generator draws all random numbers."""

    def mem_get_info(self, device=None):
        """Free and total memory, bytes."""
        total = int(os.environ.get("ELSEWHERE_BYTES", "0"))
        return total // 2, total


def watch_steps(file, stop, train_step=loop.train_step):
    """A ``train_step`` that records its waits and bytes."""
    steps = []

    def step(*arguments):
        train_step(*arguments)
        steps.append({"waits": [*waits], "sent": sum(sent)})
        waits.clear()
        sent.clear()
        file.write_text(json.dumps(steps))
        if len(steps) == stop:
            os.kill(os.getpid(), signal.SIGINT)

    return step


def register_device(file, stop):
    """Add the device to this process, and write to the file why each step waited and how many bytes it was sent since
    the end of the previous step; interrupt the run after ``stop`` steps (0: never)."""
    backend_registration._setup_privateuseone_for_python_backend("elsewhere", backend_module=Device())
    library = torch.library.Library("_", "IMPL")
    library.fallback(compute, "PrivateUse1")
    registered.append(library)  # it lasts as long as this
    loop.train_step = watch_steps(Path(file), stop)
