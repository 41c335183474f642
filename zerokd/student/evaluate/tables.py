"""An evaluation for people and for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from zerokd.student.evaluate.cost import TIMED_RUNS, TIMING_SIZE, WARMUP_RUNS, describe_machine
from zerokd.student.evaluate.evaluate import GROUP_TITLES, MetricColumn, PhotoEvaluation
from zerokd.student.evaluate.methods import (
    BASELINE_NAMES,
    CONSTANT_CURVE_PARAMETER,
    CURVE_ITERATIONS,
    GAMMA_EXPONENT,
    TARGET_BRIGHTNESS,
)

METRIC_TITLES = {"gt_mean_psnr": "GT-mean", "clipped_share": "clipped", "color_cast": "cast", "brightness": "mean"}
UPPERCASE_METRICS = ("psnr", "ssim", "lpips", "niqe")
TABLE_WIDTH = 80
CELL_WIDTH = 9  # columns of a number
DECIMALS = {"psnr": 2, "gt_mean_psnr": 2}
METRIC_HINTS = {
    "psnr": "PSNR against references measures brightness first; see GT-mean",
    "ssim": "SSIM on noisy photos rewards smoothing",
}


def describe_evaluation(evaluation: PhotoEvaluation) -> str:
    """Tables of 80 columns: a group of measures each, then what models cost, then what is to be said of them."""
    lines = [f"{len(evaluation.values)} photos, means over photos", ""]
    for group, title in GROUP_TITLES.items():
        columns = [column for column in evaluation.columns if column.group == group]
        if columns:
            lines += [
                *_format_table(
                    evaluation, f"{title} {evaluation.teacher if group == 'teacher' else ''}".strip(), columns
                ),
                "",
            ]
    lines += [*_format_costs(evaluation), ""] if evaluation.costs else []
    lines += [*_describe_lost_comparisons(evaluation)]
    return "\n".join(lines).rstrip()


def _format_table(evaluation: PhotoEvaluation, title: str, columns: list[MetricColumn]) -> Iterator[str]:
    first = max(len(title), *(len(one.name) for one in evaluation.methods))
    at_once = max(1, (TABLE_WIDTH - first) // CELL_WIDTH)
    for start in range(0, len(columns), at_once):
        part = columns[start : start + at_once]
        yield f"{title:<{first}}" + "".join(f"{_format_column_title(one):>{CELL_WIDTH}}" for one in part)
        for method in evaluation.methods:
            if not (columns[0].group == "teacher" and method.name == evaluation.teacher):
                numbers = (f"{evaluation.mean(method.name, one):.{DECIMALS.get(one.name, 3)}f}" for one in part)
                yield f"{method.name:<{first}}" + "".join(f"{number:>{CELL_WIDTH}}" for number in numbers)


def _format_column_title(column: MetricColumn) -> str:
    name = METRIC_TITLES.get(column.name, column.name.upper() if column.name in UPPERCASE_METRICS else column.name)
    return name[: CELL_WIDTH - 1]


def _format_costs(evaluation: PhotoEvaluation) -> Iterator[str]:
    first = max(len("cost"), *(len(name) for name in evaluation.costs))
    yield f"{'cost':<{first}}{'parameters':>12}{'MACs/pixel':>12}{'ms':>9}"
    for name, cost in evaluation.costs.items():
        yield f"{name:<{first}}{cost.parameters:>12,}{cost.macs_per_pixel:>12,.0f}{cost.milliseconds:>9.1f}"
    about = describe_machine()
    yield f"ms: PyTorch {about['torch']} on {TIMING_SIZE[1]}x{TIMING_SIZE[0]}, median of {TIMED_RUNS} after {WARMUP_RUNS},"
    yield f"{about['threads']} threads of {about['processor']}"


def _describe_lost_comparisons(evaluation: PhotoEvaluation) -> Iterator[str]:
    """Every baseline that a model loses to, said in words."""
    models = [method.name for method in evaluation.methods if method.model is not None]
    for column in evaluation.columns:
        if column.group != "reference" or not column.better:
            continue
        lost = False
        for model in models:
            mine = evaluation.mean(model, column)
            better = [name for name in BASELINE_NAMES if _is_better(evaluation.mean(name, column), mine, column.better)]
            if better:
                best = max(better, key=lambda name: _to_score(evaluation.mean(name, column), column.better))
                yield f"{model} LOSES to {best} in {_format_column_title(column)}: {_format_value(mine, column)}"
                yield f"  against {_format_value(evaluation.mean(best, column), column)}"
                lost = True
        if lost and column.name in METRIC_HINTS:
            yield f"  ({METRIC_HINTS[column.name]})"
    yield f"gamma: x^(1/{1 / GAMMA_EXPONENT:.1f}); constant curve: one parameter, {CONSTANT_CURVE_PARAMETER}, {CURVE_ITERATIONS} times;"
    yield f"exposed curve: one for each picture, so that its mean is {TARGET_BRIGHTNESS};"
    yield "3x3: binomial smoothing after it"


def _format_value(value: float, column: MetricColumn) -> str:
    return f"{value:.{DECIMALS.get(column.name, 3)}f}"


def _to_score(value: float, better: str) -> float:
    return value if better == "higher" else -value


def _is_better(value: float, other: float, better: str) -> bool:
    return _to_score(value, better) > _to_score(other, better)


def evaluation_to_csv(evaluation: PhotoEvaluation) -> str:
    """A line for each photo and method."""
    file = io.StringIO()
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(["photo", "method", *(column.key for column in evaluation.columns)])
    for photo, rows in evaluation.values.items():
        for method, values in rows.items():
            lines.writerow([_escape_formula(photo), method, *(values[column.key] for column in evaluation.columns)])
    return file.getvalue()


def _escape_formula(name: str) -> str:
    """Spreadsheets run what begins like a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name
