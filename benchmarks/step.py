"""A training step against a baseline with the same mathematics: time, peak memory, and the difference of gradients.

    python benchmarks/step.py [--size 128 --size 256] [--threads 1] [--device cpu] [--rounds 7] [--json]

Both sides alternate, each in its own process. Both see the same images again and again, so that zerokd's cache is
filled; its memory is not part of that of the step. On a GPU, memory is that of PyTorch's allocator, and the baseline
keeps PyTorch's default there: convolutions in TF32.
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
UNUSED_LAYER = "unused"  # VGG's fourth layer, which the released script computes but never reads
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
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Recipe setting of zerokd's side.")
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
        click.echo(f"{'':38}{'baseline':>10}{'zerokd ms':>10}{'ratio':>7}{'MiB':>14}{'ratio':>7}{'gradient':>10}")
    for case in cases:
        for size in sizes:
            options = ["--size", str(size), "--threads", str(threads), "--case", case, "--device", device]
            options += [part for setting in settings for part in ("--set", setting)]
            sides = [SideProcess(__file__, "--side", name, *options) for name in ("baseline", "zerokd")]
            baseline, zerokd = alternate_turns(sides, rounds)
            rows.append(compare_sides(case, size, baseline, zerokd))
            if not as_json:
                click.echo(format_row(rows[-1]))
    if as_json:
        about = describe_machine() | {"threads": threads, "device": device}
        click.echo(json.dumps({"machine": about, "batch": BATCH_SIZE, "rows": rows}, indent=2))


def compare_sides(case: str, size: int, baseline: dict, zerokd: dict) -> dict:
    expected, actual = (torch.tensor(side["gradient"], dtype=torch.float64) for side in (baseline, zerokd))
    difference = ((expected - actual).norm() / expected.norm()).item()
    return {
        "case": case,
        "size": size,
        "baseline_ms": 1000 * baseline["seconds"],
        "zerokd_ms": 1000 * zerokd["seconds"],
        "ratio": baseline["seconds"] / zerokd["seconds"],
        "baseline_mib": baseline["peak"],
        "zerokd_mib": zerokd["peak"],
        "memory_ratio": zerokd["peak"] / baseline["peak"],
        "gradient_difference": difference,
    }


def format_row(row: dict) -> str:
    memory = f"{row['baseline_mib']:.0f} -> {row['zerokd_mib']:.0f}"
    times = f"{row['baseline_ms']:10.1f}{row['zerokd_ms']:10.1f}{row['ratio']:7.2f}"
    name = f"{row['case']}, {row['size']} pixels"
    return f"{name:38}{times}{memory:>14}{row['memory_ratio']:7.2f}{row['gradient_difference']:10.0e}"


def serve_side(side: str, size: int, threads: int, case: str, settings: tuple[str, ...], device: str) -> None:
    """Build one side, measure its memory, then step on every turn."""
    from sides import BaselineSide, ZerokdSide

    stage, case_settings = STAGE_CASES[case]
    recipe_settings = tuple(setting for setting in (*case_settings, *settings) if setting != UNUSED_LAYER)
    if side == "baseline":
        shared = [setting for setting in case_settings if setting not in (UNUSED_LAYER, COMPILE_SETTING)]
        recipe_settings = tuple(setting for setting in shared if "precision" not in setting)
    arguments = (stage, size, threads, BATCH_SIZE, recipe_settings, device)
    unused = UNUSED_LAYER in case_settings
    built = BaselineSide(*arguments, unused=unused) if side == "baseline" else ZerokdSide(*arguments)
    memory = ProcessMemory() if device == "cpu" else DeviceMemory()
    gradient = built.gradient().tolist()
    for _ in range(3):
        built.step()
    peak = memory.peak_mib()

    def step() -> None:
        built.step()
        if device != "cpu":
            torch.accelerator.synchronize(device)

    serve_turns({"gradient": gradient, "peak": peak - built.cached_mib()}, step)


class ProcessMemory:
    """Peak memory of the process from now on."""

    def __init__(self) -> None:
        ctypes.CDLL(None).malloc_trim(0)
        self.start_mib = self.read_status_mib("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak

    def peak_mib(self) -> float:
        return self.read_status_mib("VmHWM") - self.start_mib

    def read_status_mib(self, key: str) -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(key)).split()[1]) / 1024


class DeviceMemory:
    """Peak memory of the GPU from now on."""

    def __init__(self) -> None:
        torch.accelerator.reset_peak_memory_stats()
        self.start_bytes = torch.accelerator.memory_allocated()

    def peak_mib(self) -> float:
        return (torch.accelerator.max_memory_allocated() - self.start_bytes) / 2**20


if __name__ == "__main__":
    main()
