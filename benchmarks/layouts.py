"""How a network's tensors should lie in memory: each network both ways, forwards and backwards.

    python benchmarks/layouts.py [--size 256] [--threads 1] [--device cpu] [--rounds 9] [--json]

Both ways take turns; medians. ``chosen`` is what a run takes. What is frozen has its gradient taken at the image.
"""

from __future__ import annotations

import copy
import json
import statistics
import time

import click
import torch
from torch import Tensor, nn

from zerokd.losses.vgg19 import RELUS, layers, randomise
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp
from zerokd.student.evaluate.cost import machine
from zerokd.training.device import choose_device, layout, settle

BATCH, WARM_UP = 4, 3
LAYOUTS = {"channel by channel": torch.contiguous_format, "channels last": torch.channels_last}
GPU = ("float32", "tf32", "bfloat16")


def vgg(dtype: str) -> nn.Module:
    network = layers(1 + RELUS["relu2_1"])
    randomise(network, 0)
    return network.requires_grad_(False).to(torch.bfloat16 if dtype == "bfloat16" else torch.float32)


def image_of(size: int, network: nn.Module, device: torch.device) -> Tensor:
    first = next(network.parameters())
    return torch.rand(BATCH, 3, size, size, generator=torch.Generator().manual_seed(0)).to(device, first.dtype)


def work(network: nn.Module, image: Tensor) -> None:
    made = network(image)
    outputs = [*made.values()] if isinstance(made, dict) else [made]
    own = [one for one in network.parameters() if one.requires_grad] or [image]
    torch.autograd.grad(sum(one.float().square().mean() for one in outputs), own)


def milliseconds(network: nn.Module, image: Tensor) -> float:
    started = time.perf_counter()
    work(network, image)
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
    for dtype in GPU if device.type == "cuda" else ("float32", "bfloat16"):
        settle(device, threads, tf32=dtype == "tf32")
        networks = {"VGG": vgg(dtype)} if dtype == "bfloat16" else {"student": NanoDce(), "VGG": vgg(dtype)}
        if dtype == "float32":
            networks["teacher's network"] = ZeroDcePp()
        for label, network in networks.items():
            for size in sizes:
                rows.append(
                    {"network": label, "numbers": dtype, "size": size} | compared(network, size, device, rounds)
                )
    if as_json:
        print(json.dumps({"machine": machine() | {"threads": threads, "device": name}, "rows": rows}, indent=2))
        return
    print(f"batch {BATCH}, {threads} threads of {machine()['processor']}, on {name}, torch {torch.__version__}")
    print(f"{'forwards and backwards, ms':34}{'channel by channel':>20}{'channels last':>15}{'ratio':>7}  chosen")
    for row in rows:
        first, last = (row[one] for one in LAYOUTS)
        told = f"{row['network']}, {row['numbers']}, {row['size']} pixels"
        print(f"{told:34}{first:20.2f}{last:15.2f}{first / last:7.2f}  {row['chosen']}")


def compared(network: nn.Module, size: int, device: torch.device, rounds: int) -> dict[str, object]:
    sides = {}
    for how, memory in LAYOUTS.items():
        one = copy.deepcopy(network).to(device, memory_format=memory)
        image = image_of(size, one, device).contiguous(memory_format=memory)
        sides[how] = (one, image.requires_grad_())
    times: dict[str, list[float]] = {how: [] for how in LAYOUTS}
    for _ in range(WARM_UP + rounds):
        for how, given in sides.items():
            times[how].append(milliseconds(*given))
    chosen = next(how for how, memory in LAYOUTS.items() if memory is layout(network))
    return {how: statistics.median(each[WARM_UP:]) for how, each in times.items()} | {"chosen": chosen}


if __name__ == "__main__":
    main()
