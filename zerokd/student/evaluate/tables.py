"""An evaluation as text tables and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from zerokd.student.evaluate.columns import GROUP_TITLES, MetricColumn
from zerokd.student.evaluate.cost import TIMED_RUNS, TIMING_SIZE, WARMUP_RUNS, describe_machine
from zerokd.student.evaluate.evaluate import PhotoEvaluation
from zerokd.student.evaluate.methods import (
    BASELINE_NAMES,
    CONSTANT_CURVE_PARAMETER,
    CURVE_ITERATIONS,
    GAMMA_EXPONENT,
    TARGET_BRIGHTNESS,
)

METRIC_TITLES = {
    "gt_mean_psnr": "GT-mean",
    "gt_mean_ssim": "GT-SSIM",
    "clipped_share": "clipped",
    "color_cast": "cast",
    "brightness": "mean",
}
UPPERCASE_METRICS = ("psnr", "ssim", "lpips", "niqe")
TABLE_WIDTH = 80
CELL_WIDTH = 9
DECIMALS = {"psnr": 2, "gt_mean_psnr": 2}
METRIC_HINTS = {
    "psnr": "PSNR against references measures brightness first; see GT-mean",
    "ssim": "SSIM on noisy photos rewards smoothing",
}


def describe_evaluation(evaluation: PhotoEvaluation) -> str:
    """Tables of 80 columns, one for each group of metrics and one of costs, then every baseline that wins."""
    count = len(evaluation.values)
    lines = [f"Mean over {count} photo{'' if count == 1 else 's'}", ""]
    for group, title in GROUP_TITLES.items():
        columns = [column for column in evaluation.columns if column.group == group]
        if columns:
            full_title = f"{title} {evaluation.teacher}" if group == "teacher" else title
            lines += [*_format_table(evaluation, full_title, columns), ""]
    lines += [*_format_costs(evaluation), ""] if evaluation.costs else []
    lines += [*_describe_lost_comparisons(evaluation), *describe_baselines()]
    return "\n".join(lines).rstrip()


def _format_table(evaluation: PhotoEvaluation, title: str, columns: list[MetricColumn]) -> Iterator[str]:
    first_width = max(len(title), *(len(method.name) for method in evaluation.methods))
    columns_per_row = max(1, (TABLE_WIDTH - first_width) // CELL_WIDTH)
    for start in range(0, len(columns), columns_per_row):
        part = columns[start : start + columns_per_row]
        yield f"{title:<{first_width}}" + "".join(
            f"{_shorten(format_column_title(column.name)):>{CELL_WIDTH}}" for column in part
        )
        for method in evaluation.methods:
            if not (columns[0].group == "teacher" and method.name == evaluation.teacher):
                numbers = (format_value(evaluation.mean(method.name, column), column.name) for column in part)
                yield f"{method.name:<{first_width}}" + "".join(f"{number:>{CELL_WIDTH}}" for number in numbers)


def format_column_title(metric: str) -> str:
    """The name of a metric as papers write it."""
    return METRIC_TITLES.get(metric, metric.upper() if metric in UPPERCASE_METRICS else metric)


def _shorten(title: str) -> str:
    return title[: CELL_WIDTH - 1]


def _format_costs(evaluation: PhotoEvaluation) -> Iterator[str]:
    first_width = max(len("cost"), *(len(name) for name in evaluation.costs))
    yield f"{'cost':<{first_width}}{'parameters':>12}{'MACs/pixel':>12}{'ms':>9}"
    for name, cost in evaluation.costs.items():
        yield f"{name:<{first_width}}{cost.parameters:>12,}{cost.macs_per_pixel:>12,.0f}{cost.milliseconds:>9.1f}"
    machine, size = describe_machine(), f"{TIMING_SIZE[1]}x{TIMING_SIZE[0]}"
    yield f"ms: PyTorch {machine['torch']} on {size}, median of up to {TIMED_RUNS} after {WARMUP_RUNS},"
    yield f"{machine['threads']} threads of {machine['processor']}"


def _describe_lost_comparisons(evaluation: PhotoEvaluation) -> Iterator[str]:
    """For each model and metric against references, the best baseline that beats it."""
    models = [method.name for method in evaluation.methods if method.model is not None]
    for column in evaluation.columns:
        if column.group != "reference" or not column.better:
            continue
        sign = 1 if column.better == "higher" else -1
        scores = {name: sign * evaluation.mean(name, column) for name in (*BASELINE_NAMES, *models)}
        has_lost = False
        for model in models:
            winners = [name for name in BASELINE_NAMES if scores[name] > scores[model]]  # none if either is NaN
            if winners:
                best, has_lost = max(winners, key=scores.__getitem__), True
                value = format_value(evaluation.mean(model, column), column.name)
                yield f"{model} LOSES to {best} in {format_column_title(column.name)}: {value}"
                yield f"  against {format_value(evaluation.mean(best, column), column.name)}"
        if has_lost and column.name in METRIC_HINTS:
            yield f"  ({METRIC_HINTS[column.name]})"


def describe_baselines() -> Iterator[str]:
    """What each baseline computes, in lines of at most 80 columns."""
    constant = f"one parameter, {CONSTANT_CURVE_PARAMETER}, {CURVE_ITERATIONS} times"
    yield f"gamma: x^(1/{1 / GAMMA_EXPONENT:.1f}); constant curve: {constant};"
    yield f"exposed curve: one parameter for each image, so that its mean is {TARGET_BRIGHTNESS};"
    yield "3x3: binomial smoothing after it"


def format_value(value: float, metric: str) -> str:
    """A value with the decimals of its metric."""
    return f"{value:.{DECIMALS.get(metric, 3)}f}"


def evaluation_to_csv(evaluation: PhotoEvaluation) -> str:
    """CSV with a line for each photo and method."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["photo", "method", *(column.key for column in evaluation.columns)])
    for photo, rows in evaluation.values.items():
        for method, values in rows.items():
            writer.writerow([escape_formula(photo), method, *(values[column.key] for column in evaluation.columns)])
    return file.getvalue()


def escape_formula(name: str) -> str:
    """Spreadsheets run text that starts like a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name
