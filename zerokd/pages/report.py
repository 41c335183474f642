"""A run as one page: self-contained, and worth more than its logs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from zerokd._version import __version__
from zerokd.errors import ZerokdError, escape_unprintable
from zerokd.files.atomic import write_text
from zerokd.pages.chart import Line, draw_chart, format_short_number
from zerokd.pages.run_record import RunRecord, attribute_damage, read_run

REPORT_FILE = "report.html"
CONFLICT_COSINE = -0.05  # a cosine from which on two terms pull in opposite directions


def write_report(path: Path, plugins: Iterable[Path] = ()) -> Path:
    """Write ``report.html`` into a run folder; the same run gives the same bytes.

    Raises:
        RunFolderError: it is not the folder of a run, or its account is damaged.
        OutputError: the page cannot be written.
    """
    run = read_run(path)
    target = run.folder.path / REPORT_FILE
    with attribute_damage(run):
        text = render_template(REPORT_FILE, **build_report_context(run, plugins))
    write_text(target, text)
    return target


def try_write_report(path: Path, plugins: Iterable[Path] = ()) -> str:
    """One line on the report of a run that has just ended: where it is, or why there is none. The run is not the worse
    for that."""
    try:
        return f"report: {write_report(path, plugins)}"
    except ZerokdError as error:
        return f"there is NO REPORT: {error.problems[0].message}"
    except Exception as error:  # whatever it is, the student is trained and kept
        return f"there is NO REPORT: {type(error).__name__}: {escape_unprintable(str(error))}"


def render_template(template: str, script: str = "page_script.html", /, **context: Any) -> str:
    """A page with its script: everything that is filled in is text, unless it is marked as made here."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"short": lambda value: "-" if value is None else format_short_number(float(value))}

    def part(name: str) -> str:
        return files("zerokd.pages").joinpath(name).read_text(encoding="utf-8")

    code = part(script).removeprefix("<script>").removesuffix("</script>\n")
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    shared = {"style": Markup(part("page_style.html")), "script": Markup(code), "digest": digest}
    macros = environment.from_string(part("page_parts.html")).module
    return environment.from_string(part(template)).render(**shared, part=macros, version=__version__, **context)


def build_report_context(run: RunRecord, plugins: Iterable[Path] = ()) -> dict[str, Any]:
    """Everything that the page shows of a run."""
    manifest = run.manifest
    stages = [_build_stage_context(run, about) for about in manifest["stages"]]
    result = manifest.get("result") or {}
    ramp = run.compute_grey_ramp(plugins)
    return {
        "run": run,
        "manifest": manifest,
        "stages": stages,
        "result": result,
        "fidelity": {key: value for key, value in result.get("fidelity", {}).items() if key != "measured_on"},
        "metrics": _collect_metrics(manifest, result),
        "ramp": draw_chart("output of the student for flat grey", ramp, "input", "output") if ramp else "",
        "warnings": _collect_warnings(run),
        "missing": list(dict.fromkeys(run.missing)),
    }


def _collect_warnings(run: RunRecord) -> list[tuple[str, str]]:
    manifest = run.manifest
    found = [("FALLBACK", str(text)) for text in manifest.get("fallbacks", ())]
    found += [("caution", str(text)) for text in manifest.get("cautions", ())]
    for about in manifest["stages"]:
        dead = about.get("capacity", {}).get("channels", {}).get("names", ())
        found += [("dead channels", f"after {about['name']}: {', '.join(map(str, dead))}")] if dead else []
        for line in run.select_log_records(about["name"], "skipped"):
            found.append(("step left out", f"{about['name']}, step {line['step']}: not finite"))
        for name, told in about.get("metrics", {}).items():
            found += [("metric failed", f"{name}: {told['fault']}")] if told.get("fault") else []
    for name, told in manifest.get("observers", {}).items():
        found += (
            [("observer failed", f"{name}: {told['failed']}")] if isinstance(told, dict) and told.get("failed") else []
        )
    found += [("photo left out", f"{one['name']}: {one['reason']}") for one in manifest["data"].get("rejected", ())]
    found += [("resumed", f"at step {one.get('step', 0)} of {one.get('stage', 'the first stage')}")
              for one in manifest.get("resumed", ())]  # fmt: skip
    return found if manifest.get("result") else [("unfinished", "this run has not ended"), *found]


def _build_stage_context(run: RunRecord, stage_record: dict[str, Any]) -> dict[str, Any]:
    name = str(stage_record["name"])
    epochs, steps, gradients = (run.select_log_records(name, kind) for kind in ("epoch", "step", "gradients"))
    colours = {label: number for number, label in enumerate(stage_record.get("weights", ()), 1)}
    total = Line("objective", [epoch["epoch"] + 1 for epoch in epochs], [epoch["total"] for epoch in epochs])
    contributions = _build_term_lines(epochs, "contribution", "epoch", colours)
    shares = _build_term_lines(gradients, "share", "step", colours)
    weights = [line for line in _build_term_lines(steps, "weight", "step", colours) if len({*line.ys} - {None}) > 1]
    return {
        "name": name,
        "equation": stage_record["objective"],
        "epochs": stage_record["epochs"],
        "steps": stage_record["steps"],
        "samples": run.load_sample_images(name),
        "terms": _summarize_terms(stage_record, epochs),
        "contributions": draw_chart(
            f"contribution of each term of {name}", [total, *contributions], "epoch", "contribution", log=True
        ),
        "shares": draw_chart(f"share of the gradient of each term of {name}", shares, "step", "share"),
        "conflicts": _build_conflict_matrix(gradients),
        "schedules": draw_chart(f"weights of {name} that change", weights, "step", "weight", log=True)
        if weights
        else "",
        "rate": draw_chart(f"learning rate of {name}", [_build_line(steps, "learning_rate")], "step", "rate"),
        "norm": draw_chart(
            f"norm of the gradient of {name}", [_build_line(steps, "gradient_norm")], "step", "norm", log=True
        ),
    }


def _build_line(records: list[dict[str, Any]], key: str) -> Line:
    return Line(key.replace("_", " "), [record["step"] for record in records], [record[key] for record in records])


def _build_term_lines(records: list[dict[str, Any]], key: str, x_key: str, colours: dict[str, int]) -> list[Line]:
    """A line for each term, the largest first."""
    more = 1 if x_key == "epoch" else 0
    found = []
    for label, colour in colours.items():
        having = [line for line in records if (line["terms"].get(label) or {}).get(key) is not None]
        if having:
            points = insert_gaps([one[x_key] + more for one in having], [one["terms"][label][key] for one in having])
            found.append(Line(label, *points, colour))
    return sorted(found, key=lambda line: -max(abs(y or 0) for y in line.ys))


def insert_gaps(xs: list[int], ys: list[float]) -> tuple[list[float], list[float | None]]:
    """The same points, and none where one is missing: a term may be computed in each fourth step, or for a while."""
    steps = [after - before for before, after in pairwise(xs)]
    usual = median(steps) if steps else 0
    found: list[tuple[float, float | None]] = [(xs[0], ys[0])]
    for step, x, y in zip(steps, xs[1:], ys[1:], strict=True):
        found += [(x - step / 2, None)] if step > 1.5 * usual else []
        found.append((x, y))
    return [x for x, _ in found], [y for _, y in found]


def _summarize_terms(stage_record: dict[str, Any], epochs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The terms of a stage: weight, first and last value, last contribution, and the share of the gradient before."""
    probed = {one["label"]: one["share"] for one in stage_record.get("probe", {}).get("terms", ())}
    first, last = (epochs[0]["terms"], epochs[-1]["terms"]) if epochs else ({}, {})

    def value(of: dict[str, Any], label: str, key: str) -> Any:
        return (of.get(label) or {}).get(key)

    return [
        {
            "label": label,
            "weight": weight if isinstance(weight, int | float) else weight["last"],
            "first": value(first, label, "value"),
            "last": value(last, label, "value"),
            "contribution": value(last, label, "contribution"),
            "share": probed.get(label),
        }
        for label, weight in stage_record.get("weights", {}).items()
    ]


def _build_conflict_matrix(gradients: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The cosines of the last measurement, each with how strongly its cell is coloured."""
    if not gradients:
        return None
    last = gradients[-1]
    rows = [
        (
            label,
            [
                {
                    "cosine": one,
                    "kind": "against" if (one or 0) < CONFLICT_COSINE else "with",
                    "share": round(abs(one or 0), 2),
                }
                for one in row
            ],
        )
        for label, row in zip(last["labels"], last["cosines"], strict=True)
    ]
    return {"step": last["step"], "labels": last["labels"], "rows": rows}


def _collect_metrics(manifest: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """The recipe's metrics, with the columns they were measured at."""
    found = result.get("metrics") or {}
    when = list(dict.fromkeys(["untrained", *(str(one["name"]) for one in manifest["stages"])]))
    return {"when": when, "rows": found} if found else {}
