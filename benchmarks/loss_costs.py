"""What each loss costs: value and gradient for one image of 256 pixels, on one thread.

    python benchmarks/loss_costs.py [--out benchmarks/loss_costs.json] [--rounds 15] [NAMES...]

Each loss alternates with `l1`, and the processor's time counts, so that neither depends much on what else the machine
does; the catalogue of losses shows the data file. Ports get noise of that size, features too. With NAMES, the others
in the file stay.
"""

from __future__ import annotations

import json
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import click
import torch

from zerokd.files.machine import processor_name
from zerokd.losses.l1 import L1
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.loading import load_component
from zerokd.testing.inputs import as_leaf_tensors, link_ports, make_port_tensors

SIDE = 256  # pixels
WARMUP_ROUNDS = 2
MAX_SECONDS = 4.0  # for one loss
INNER_CALLS = 5  # in each round, of both


def time_call(loss: Any, calls: int = 1) -> float:
    """Microseconds of the processor for one value and gradient."""
    ports = make_port_tensors(loss, 1, (SIDE, SIDE))
    started = time.process_time()
    for _ in range(calls):
        leaves = as_leaf_tensors(loss, ports)
        loss(**leaves).sum().backward()
    return 1e6 * (time.process_time() - started) / calls


def measure_loss(loss: Any, rounds: int) -> dict[str, float]:
    """The least microseconds, and the median ratio to l1 in the same round."""
    baseline, own, ratios = L1(), [], []
    started = time.perf_counter()
    for number in range(rounds + WARMUP_ROUNDS):
        cost, reference = time_call(loss, INNER_CALLS), time_call(baseline, INNER_CALLS)
        if number >= WARMUP_ROUNDS:
            own.append(cost)
            ratios.append(cost / reference)
        if own and time.perf_counter() - started > MAX_SECONDS:
            break
    return {"microseconds": float(f"{min(own):.3g}"), "ratio": float(f"{statistics.median(ratios):.3g}")}


@click.command()
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks/loss_costs.json"), show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True)
def main(names: tuple[str, ...], out: Path, rounds: int) -> None:
    """Measure the losses NAMES, or all that are installed."""
    torch.set_num_threads(1)
    costs: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))["losses"] if names and out.exists() else {}
    for entry in discover_plugins().for_kind("losses"):
        if names and entry.spec.name not in names:
            continue
        component: Any = load_component(entry)
        with warnings.catch_warnings(action="ignore"):  # a library's own
            loss = link_ports(component(**next(iter(component.examples), {})))
            costs[entry.spec.name] = measure_loss(loss, rounds)
        click.echo(f"{entry.spec.name}: {costs[entry.spec.name]}")
    facts = {"machine": f"{processor_name()}, one thread, torch {torch.__version__}", "pixels": SIDE}
    text = json.dumps(facts | {"losses": dict(sorted(costs.items()))}, indent=1)
    out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
