"""Contiguous against channels-last memory format: a forward and backward pass of each network.

    python benchmarks/memory_formats.py [--size 256] [--threads 1] [--device cpu] [--rounds 9] [--json]

Both formats alternate; medians. ``chosen`` is the format that a run uses. Frozen networks compute the
gradient of the image.
"""

from __future__ import annotations

import copy
import json
import statistics
import time

import click
import torch
from torch import Tensor, nn

from zerokd.losses.vgg19 import RELU_INDICES, build_layers, randomize_weights
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp
from zerokd.student.evaluate.cost import describe_machine
from zerokd.training.device import choose_device, choose_memory_format, configure_determinism

BATCH_SIZE, WARMUP_ROUNDS = 4, 3
MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
GPU_PRECISIONS = ("float32", "tf32", "bfloat16")


def build_vgg(dtype: str) -> nn.Module:
    network = build_layers(1 + RELU_INDICES["relu2_1"])
    randomize_weights(network, 0)
    return network.requires_grad_(False).to(torch.bfloat16 if dtype == "bfloat16" else torch.float32)


def random_network_input(size: int, network: nn.Module, device: torch.device) -> Tensor:
    first = next(network.parameters())
    return torch.rand(BATCH_SIZE, 3, size, size, generator=torch.Generator().manual_seed(0)).to(device, first.dtype)


def run_forward_backward(network: nn.Module, image: Tensor) -> None:
    output = network(image)
    outputs = [*output.values()] if isinstance(output, dict) else [output]
    leaves = [parameter for parameter in network.parameters() if parameter.requires_grad] or [image]
    torch.autograd.grad(sum(output.float().square().mean() for output in outputs), leaves)


def time_forward_backward(network: nn.Module, image: Tensor) -> float:
    started = time.perf_counter()
    run_forward_backward(network, image)
    if image.device.type != "cpu":
        torch.accelerator.synchronize(image.device)
    return 1000 * (time.perf_counter() - started)


@click.command()
@click.option("--size", "sizes", multiple=True, type=int, default=(128, 256), show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--device", "name", default="cpu", show_default=True)
@click.option("--rounds", default=9, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(sizes: tuple[int, ...], threads: int, name: str, rounds: int, as_json: bool) -> None:
    device = choose_device(name)
    rows = []
    for dtype in GPU_PRECISIONS if device.type == "cuda" else ("float32", "bfloat16"):
        configure_determinism(device, threads, tf32=dtype == "tf32")
        networks = {"VGG": build_vgg(dtype)} if dtype == "bfloat16" else {"student": NanoDce(), "VGG": build_vgg(dtype)}
        if dtype == "float32":
            networks["teacher's network"] = ZeroDcePp()
        for label, network in networks.items():
            for size in sizes:
                rows.append(
                    {"network": label, "numbers": dtype, "size": size}
                    | compare_memory_formats(network, size, device, rounds)
                )
    if as_json:
        print(
            json.dumps({"machine": describe_machine() | {"threads": threads, "device": name}, "rows": rows}, indent=2)
        )
        return
    processor = describe_machine()["processor"]
    print(f"batch {BATCH_SIZE}, {threads} threads of {processor}, on {name}, torch {torch.__version__}")
    print(f"{'forward and backward, ms':34}{'contiguous':>20}{'channels last':>15}{'ratio':>7}  chosen")
    for row in rows:
        first, last = (row[name] for name in MEMORY_FORMATS)
        label = f"{row['network']}, {row['numbers']}, {row['size']} pixels"
        print(f"{label:34}{first:20.2f}{last:15.2f}{first / last:7.2f}  {row['chosen']}")


def compare_memory_formats(network: nn.Module, size: int, device: torch.device, rounds: int) -> dict[str, object]:
    sides = {}
    for name, memory_format in MEMORY_FORMATS.items():
        copied = copy.deepcopy(network).to(device, memory_format=memory_format)
        image = random_network_input(size, copied, device).contiguous(memory_format=memory_format)
        sides[name] = (copied, image.requires_grad_())
    times: dict[str, list[float]] = {name: [] for name in MEMORY_FORMATS}
    for _ in range(WARMUP_ROUNDS + rounds):
        for name, side in sides.items():
            times[name].append(time_forward_backward(*side))
    chosen = next(name for name, format in MEMORY_FORMATS.items() if format is choose_memory_format(network))
    return {name: statistics.median(values[WARMUP_ROUNDS:]) for name, values in times.items()} | {"chosen": chosen}


if __name__ == "__main__":
    main()
