"""What subnormal weights cost on this processor, and what is left of it after zerokd has loaded them.

    python benchmarks/subnormals.py zero_dce_pp FILE

prints the share of subnormal weights and, relative to the same weights with zeros in their place, the time of a forward
pass and of a gradient, as the file has them, in the mode that flushes them, and as zerokd loads them.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from zerokd.files.weights import load_model_state, read_weights
from zerokd.plugin.contracts import Model
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.loading import load_component

SIDE, BATCH, ROUNDS = 128, 4, 7


def main() -> None:
    """Print the table for the model and file of the command line."""
    name, path = sys.argv[1], Path(sys.argv[2])
    state = read_weights(path)[0]
    component = load_component(discover_plugins().find("models", name))
    as_stored, as_loaded, clean = component(), component(), component()
    as_stored.load_state_dict(state)
    load_model_state(as_loaded, state, str(path))
    clean.load_state_dict({key: torch.where(is_subnormal(value), 0, value) for key, value in state.items()})
    count, total = (sum(int(part.sum()) for part in parts) for parts in count_weights(state))
    print(f"{path.name}: {count} of {total} weights are subnormal; {torch.get_num_threads()} threads")
    low = torch.rand(BATCH, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    for title, compute in (("forward", compute_forward), ("gradient", compute_gradient)):
        rows = {"as stored": (as_stored, False), "flushing mode": (as_stored, True), "as loaded": (as_loaded, False)}
        for label, (model, flush) in rows.items():
            print(f"{title:<10}{label:<15}{compare(model, clean, low, compute, flush):6.2f} times the clean weights")


def is_subnormal(value: Tensor) -> Tensor:
    """Where a tensor is neither 0 nor a normal number."""
    return (value != 0) & (value.abs() < torch.finfo(value.dtype).tiny)


def count_weights(state: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Masks of the subnormal weights, and of all."""
    return [is_subnormal(value) for value in state.values()], [torch.ones_like(value) for value in state.values()]


def compute_forward(model: Model, low: Tensor) -> None:
    """An image, without gradient."""
    with torch.no_grad():
        model(low)


def compute_gradient(model: Model, low: Tensor) -> None:
    """The gradient of the mean."""
    model(low)["enhanced"].mean().backward()


def compare(model: Model, clean: Model, low: Tensor, compute: Callable[[Model, Tensor], None], flush: bool) -> float:
    """The time of the model as a multiple of that of the clean one: the median of rounds that measure both."""
    ratios = []
    for _ in range(ROUNDS):
        seconds = []
        for network, mode in ((model, flush), (clean, False)):
            torch.set_flush_denormal(mode)
            start = time.process_time()
            compute(network, low)
            seconds.append(time.process_time() - start)
        ratios.append(seconds[0] / seconds[1])
    torch.set_flush_denormal(False)
    return statistics.median(ratios)


if __name__ == "__main__":
    main()
