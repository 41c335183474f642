"""A training step against the same mathematics as usually written: time, peak memory, and how far the gradients differ.

    python benchmarks/step.py [--size 128 --size 256] [--threads 1] [--device cpu] [--rounds 7] [--json]

Both sides take turns, each in a process of its own. Both see the same images, at which they have been before: zerokd
has what it keeps of an image that comes again, whose memory is told apart (`kept`) from that of the step. On a GPU
memory is what PyTorch's allocator gave out, and the usual way is PyTorch's default there too: convolutions in TF32.
"""

from __future__ import annotations

import ctypes
import json
from pathlib import Path

import click
import torch
from alternation import SideProcess, alternate_turns, serve_turns

BATCH_SIZE = 4
COMPILE_SETTING = 'speed.compile="on"'
UNUSED_LAYER = "unused"  # VGG's fourth layer, which the released script computes and never reads
STAGE_CASES = {
    "stage 2, everything": ("distill", ()),
    "stage 2, everything, as released": ("distill", (UNUSED_LAYER,)),
    "stage 2, everything, compiled": ("distill", (COMPILE_SETTING,)),
    "stage 2, no perceptual term, compiled": ("distill", ("terms.distillation.perceptual.weight=0", COMPILE_SETTING)),
    "stage 1, compiled": ("pretrain", (COMPILE_SETTING,)),
    "stage 2, VGG in bfloat16": ("distill", ('terms.distillation.perceptual.precision="bfloat16"',)),
    "stage 2, no perceptual term": ("distill", ("terms.distillation.perceptual.weight=0",)),
    "stage 1": ("pretrain", ()),
}


@click.command()
@click.option("--size", "sizes", multiple=True, type=int, default=(128, 256), show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--rounds", default=7, show_default=True)
@click.option("--case", "cases", multiple=True, type=click.Choice(list(STAGE_CASES)), default=tuple(STAGE_CASES))
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="of the recipe, on zerokd's side")
@click.option("--json", "as_json", is_flag=True)
@click.option("--side", hidden=True)
def main(
    sizes: tuple[int, ...],
    threads: int,
    device: str,
    rounds: int,
    cases: tuple[str, ...],
    settings: tuple[str, ...],
    as_json: bool,
    side: str | None,
) -> None:
    if side:
        serve_side(side, sizes[0], threads, cases[0], settings, device)
        return
    from zerokd.student.evaluate.cost import describe_machine

    rows = []
    if not as_json:
        where = f"{threads} threads of {describe_machine()['processor']}, on {device}"
        click.echo(f"batch {BATCH_SIZE}, {where}, torch {torch.__version__}")
        click.echo(f"{'':38}{'usual ms':>10}{'zerokd ms':>10}{'ratio':>7}{'MiB':>14}{'ratio':>7}{'gradient':>10}")
    for case in cases:
        for size in sizes:
            given = ["--size", str(size), "--threads", str(threads), "--case", case, "--device", device]
            given += [part for setting in settings for part in ("--set", setting)]
            sides = [SideProcess(__file__, "--side", name, *given) for name in ("usual", "zerokd")]
            usual, ours = alternate_turns(sides, rounds)
            rows.append(compare_sides(case, size, usual, ours))
            if not as_json:
                click.echo(format_row(rows[-1]))
    if as_json:
        about = describe_machine() | {"threads": threads, "device": device}
        click.echo(json.dumps({"machine": about, "batch": BATCH_SIZE, "rows": rows}, indent=2))


def compare_sides(case: str, size: int, baseline: dict, zerokd: dict) -> dict:
    one, other = (torch.tensor(side["gradient"], dtype=torch.float64) for side in (baseline, zerokd))
    difference = ((one - other).norm() / one.norm()).item()
    return {
        "case": case,
        "size": size,
        "usual_ms": 1000 * baseline["seconds"],
        "zerokd_ms": 1000 * zerokd["seconds"],
        "ratio": baseline["seconds"] / zerokd["seconds"],
        "usual_mib": baseline["peak"],
        "zerokd_mib": zerokd["peak"],
        "memory_ratio": zerokd["peak"] / baseline["peak"],
        "gradient_difference": difference,
    }


def format_row(row: dict) -> str:
    memory = f"{row['usual_mib']:.0f} -> {row['zerokd_mib']:.0f}"
    times = f"{row['usual_ms']:10.1f}{row['zerokd_ms']:10.1f}{row['ratio']:7.2f}"
    name = f"{row['case']}, {row['size']} pixels"
    return f"{name:38}{times}{memory:>14}{row['memory_ratio']:7.2f}{row['gradient_difference']:10.0e}"


def serve_side(side: str, size: int, threads: int, case: str, settings: tuple[str, ...], device: str) -> None:
    """One side: build, measure its memory, then step when asked."""
    from sides import BaselineSide, ZerokdSide

    stage, more = STAGE_CASES[case]
    make = BaselineSide if side == "usual" else ZerokdSide
    if side == "usual":
        more = tuple(one for one in more if "precision" not in one and one != COMPILE_SETTING)
        settings = ()
    released = {"unused": True} if side == "usual" and UNUSED_LAYER in more else {}
    more = tuple(one for one in more if one != UNUSED_LAYER)
    made = make(stage, size, threads, BATCH_SIZE, (*more, *settings), device, **released)
    memory = ProcessMemory() if device == "cpu" else DeviceMemory()
    gradient = made.gradient().tolist()
    for _ in range(3):
        made.step()
    peak = memory.peak_mib()

    def step() -> None:
        made.step()
        if device != "cpu":
            torch.accelerator.synchronize(device)

    serve_turns({"gradient": gradient, "peak": peak - made.cached_mib()}, step)


class ProcessMemory:
    """How much memory a process takes from here on, at most."""

    def __init__(self) -> None:
        ctypes.CDLL(None).malloc_trim(0)
        self.start_mib = self.read_status_mib("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak is forgotten

    def peak_mib(self) -> float:
        """MiB."""
        return self.read_status_mib("VmHWM") - self.start_mib

    def read_status_mib(self, key: str) -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(key)).split()[1]) / 1024


class DeviceMemory:
    """The same of a GPU."""

    def __init__(self) -> None:
        torch.accelerator.reset_peak_memory_stats()
        self.start_bytes = torch.accelerator.memory_allocated()

    def peak_mib(self) -> float:
        return (torch.accelerator.max_memory_allocated() - self.start_bytes) / 2**20


if __name__ == "__main__":
    main()
