"""An evaluation for people and for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from zerokd.student.evaluate.cost import RUNS, TIMED_ON, WARM_UP, machine
from zerokd.student.evaluate.evaluate import GROUPS, Column, Evaluation
from zerokd.student.evaluate.methods import BASELINES, CONSTANT, EXPOSURE, GAMMA, ITERATIONS

TITLES = {"gt_mean_psnr": "GT-mean", "clipped_share": "clipped", "color_cast": "cast", "brightness": "mean"}
UPPER = ("psnr", "ssim", "lpips", "niqe")
WIDTH = 80
CELL = 9  # columns of a number
DECIMALS = {"psnr": 2, "gt_mean_psnr": 2}
HINTS = {
    "psnr": "PSNR against references measures brightness first; see GT-mean",
    "ssim": "SSIM on noisy photos rewards smoothing",
}


def as_text(found: Evaluation) -> str:
    """Tables of 80 columns: a group of measures each, then what models cost, then what is to be said of them."""
    lines = [f"{len(found.values)} photos, means over photos", ""]
    for group, title in GROUPS.items():
        columns = [one for one in found.columns if one.group == group]
        if columns:
            lines += [*_table(found, f"{title} {found.teacher if group == 'teacher' else ''}".strip(), columns), ""]
    lines += [*_costs(found), ""] if found.costs else []
    lines += [*_verdicts(found)]
    return "\n".join(lines).rstrip()


def _table(found: Evaluation, title: str, columns: list[Column]) -> Iterator[str]:
    first = max(len(title), *(len(one.name) for one in found.methods))
    at_once = max(1, (WIDTH - first) // CELL)
    for start in range(0, len(columns), at_once):
        part = columns[start : start + at_once]
        yield f"{title:<{first}}" + "".join(f"{_title(one):>{CELL}}" for one in part)
        for method in found.methods:
            if not (columns[0].group == "teacher" and method.name == found.teacher):
                numbers = (f"{found.mean(method.name, one):.{DECIMALS.get(one.name, 3)}f}" for one in part)
                yield f"{method.name:<{first}}" + "".join(f"{number:>{CELL}}" for number in numbers)


def _title(column: Column) -> str:
    name = TITLES.get(column.name, column.name.upper() if column.name in UPPER else column.name)
    return name[: CELL - 1]


def _costs(found: Evaluation) -> Iterator[str]:
    first = max(len("cost"), *(len(name) for name in found.costs))
    yield f"{'cost':<{first}}{'parameters':>12}{'MACs/pixel':>12}{'ms':>9}"
    for name, cost in found.costs.items():
        yield f"{name:<{first}}{cost.parameters:>12,}{cost.macs:>12,.0f}{cost.milliseconds:>9.1f}"
    about = machine()
    yield f"ms: PyTorch {about['torch']} on {TIMED_ON[1]}x{TIMED_ON[0]}, median of {RUNS} after {WARM_UP},"
    yield f"{about['threads']} threads of {about['processor']}"


def _verdicts(found: Evaluation) -> Iterator[str]:
    """Every baseline that a model loses to, said in words."""
    models = [one.name for one in found.methods if one.model is not None]
    for column in found.columns:
        if column.group != "reference" or not column.better:
            continue
        lost = False
        for model in models:
            mine = found.mean(model, column)
            better = [name for name in BASELINES if _beats(found.mean(name, column), mine, column.better)]
            if better:
                best = max(better, key=lambda name: _signed(found.mean(name, column), column.better))
                yield f"{model} LOSES to {best} in {_title(column)}: {_told(mine, column)}"
                yield f"  against {_told(found.mean(best, column), column)}"
                lost = True
        if lost and column.name in HINTS:
            yield f"  ({HINTS[column.name]})"
    yield f"gamma: x^(1/{1 / GAMMA:.1f}); constant curve: one parameter, {CONSTANT}, {ITERATIONS} times;"
    yield f"exposed curve: one for each picture, so that its mean is {EXPOSURE};"
    yield "3x3: binomial smoothing after it"


def _told(value: float, column: Column) -> str:
    return f"{value:.{DECIMALS.get(column.name, 3)}f}"


def _signed(value: float, better: str) -> float:
    return value if better == "higher" else -value


def _beats(one: float, other: float, better: str) -> bool:
    return _signed(one, better) > _signed(other, better)


def as_csv(found: Evaluation) -> str:
    """A line for each photo and method."""
    file = io.StringIO()
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(["photo", "method", *(column.key for column in found.columns)])
    for photo, rows in found.values.items():
        for method, values in rows.items():
            lines.writerow([_harmless(photo), method, *(values[column.key] for column in found.columns)])
    return file.getvalue()


def _harmless(name: str) -> str:
    """Spreadsheets run what begins like a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name
