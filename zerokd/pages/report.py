"""The report of a run: one self-contained page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from attrs import asdict, frozen
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from zerokd._version import __version__
from zerokd.chart import (
    COLOUR_RULES,
    DARK,
    LIGHT,
    SHAPE_RULES,
    colour_variables,
    draw_chart,
    format_short_number,
)
from zerokd.describe.optimizer_text import describe_optimizer
from zerokd.errors import ZerokdError, escape_unprintable
from zerokd.files.atomic import write_text
from zerokd.pages.figures import OPTIONAL_CHARTS, build_ramp_panel, build_stage_panels
from zerokd.pages.run_record import LogRecord, RunRecord, attribute_damage, read_run
from zerokd.run.measurement import describe_export
from zerokd.run.records import Manifest, RunResult, StageRecord

REPORT_FILE = "report.html"
CONFLICT_COSINE = -0.05  # two terms conflict below it


@frozen
class TermSummary:
    """A term in the table of its stage; None where a number is unknown."""

    label: str
    weight: float | None
    first: float | None  # value in the first and the last epoch
    last: float | None
    contribution: float | None
    share: float | None  # of the gradient before training
    is_monitored: bool = False


@frozen
class ConflictCell:
    """The cosine of two terms' gradients. ``share`` is how strongly its cell is coloured, between 0 and 1."""

    cosine: float | None

    @property
    def conflicts(self) -> bool:
        return self.cosine is not None and self.cosine < CONFLICT_COSINE

    @property
    def share(self) -> float:
        return round(abs(self.cosine or 0), 2)


def write_report(path: Path, plugins: Iterable[Path] = ()) -> Path:
    """Write ``report.html`` into a run folder; the same run gives the same bytes.

    Raises:
        RunFolderError: it is no run folder, or its record is damaged.
        OutputError: the page cannot be written.
    """
    run = read_run(path)
    target = run.folder.path / REPORT_FILE
    with attribute_damage(run):
        text = render_template(REPORT_FILE, **build_report_context(run, plugins))
    write_text(target, text)
    if run.manifest.get("result"):
        run.folder.remove_litter()
    return target


def try_write_report(path: Path, plugins: Iterable[Path] = ()) -> str:
    """Write the report of a run that has just ended; return a line that says where it is, or why there is none."""
    try:
        return f"report: {write_report(path, plugins)}"
    except ZerokdError as error:
        return f"NO REPORT: {error.problems[0].message}"
    except Exception as error:  # the student is trained and saved, whatever happens here
        return f"NO REPORT: {type(error).__name__}: {escape_unprintable(str(error))}"


def render_template(
    template: str, scripts: Sequence[str] = ("theme_script.html", "page_script.html"), /, **context: Any
) -> str:
    """A page with its style and scripts. Everything in ``context`` is escaped, unless it is ``Markup``."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"short": lambda value: "-" if value is None else format_short_number(float(value))}

    def part(name: str) -> str:
        return files("zerokd.pages").joinpath(name).read_text(encoding="utf-8")

    code = "".join(part(script).removeprefix("<script>").removesuffix("</script>\n") for script in scripts)
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    colours = {"light": Markup(colour_variables(LIGHT)), "dark": Markup(colour_variables(DARK))}
    chart_rules = Markup(f"{COLOUR_RULES}\n{SHAPE_RULES}")
    style = environment.from_string(part("page_style.html")).render(**colours, chart_rules=chart_rules)
    shared = {"style": Markup(style), "script": Markup(code), "digest": digest}
    macros = environment.from_string(part("page_parts.html")).module
    return environment.from_string(part(template)).render(**shared, part=macros, version=__version__, **context)


def build_report_context(run: RunRecord, plugins: Iterable[Path] = ()) -> dict[str, Any]:
    """Everything that the page shows."""
    manifest = run.manifest
    stages = [_build_stage_context(run, player) for player in run.players]
    result = manifest.get("result") or {}
    ramp = build_ramp_panel(run, plugins)
    return {
        "run": run,
        "manifest": manifest,
        "stages": stages,
        "result": result,
        "fidelity": {key: value for key, value in result.get("fidelity", {}).items() if key != "measured_on"},
        "metrics": _collect_metrics(manifest, result),
        "ramp": draw_chart(**asdict(ramp, recurse=False)) if ramp else "",
        "warnings": list(_collect_warnings(run)),
        "missing": list(dict.fromkeys(run.missing)),
    }


def _collect_warnings(run: RunRecord) -> Iterator[tuple[str, str]]:
    """Kind and text of each warning."""
    manifest = run.manifest
    if not manifest.get("result"):
        yield "unfinished", "this run has not ended"
    yield from (("FALLBACK", str(text)) for text in manifest.get("fallbacks", ()))
    yield from (("caution", str(text)) for text in manifest.get("cautions", ()))
    for stage in manifest["stages"]:
        dead = stage.get("capacity", {}).get("channels", {}).get("names", ())
        if dead:
            yield "dead channels", f"after {stage['name']}: {', '.join(map(str, dead))}"
        for record in run.select_log_records(stage["name"], "skipped"):
            yield "skipped step", f"{stage['name']}, step {record['step']}: not finite"
        for name, metric in stage.get("metrics", {}).items():
            if metric.get("fault"):
                yield "metric failed", f"{name}: {metric['fault']}"
    for name, observer in manifest.get("observers", {}).items():
        if isinstance(observer, dict) and observer.get("failed"):
            yield "observer failed", f"{name}: {observer['failed']}"
    for file in manifest["data"].get("rejected", ()):
        yield "skipped photo", f"{file['name']}: {file['reason']}"
    for resumed in manifest.get("resumed", ()):
        yield "resumed", f"at step {resumed.get('step', 0)} of {resumed.get('stage', 'the first stage')}"


def _build_stage_context(run: RunRecord, stage: StageRecord) -> dict[str, Any]:
    name = str(stage["name"])
    epochs, gradients = (run.select_log_records(name, kind) for kind in ("epoch", "gradients"))
    charts = {key: draw_chart(**asdict(panel, recurse=False)) for key, panel in build_stage_panels(run, stage).items()}
    return {
        **dict.fromkeys(OPTIONAL_CHARTS, ""),
        **charts,
        "name": name,
        "equation": stage["objective"],
        "optimizer": describe_optimizer(stage["optimizer"]) if "optimizer" in stage else "",
        "epochs": stage["epochs"],
        "steps": stage["steps"],
        "samples": run.load_sample_images(name),
        "terms": _summarize_terms(stage, epochs),
        "conflicts": _build_conflict_matrix(gradients),
        "aggregator": stage.get("aggregator", ""),
        "exported": describe_export(stage["exported"]) if "exported" in stage else "",
    }


def _summarize_terms(stage: StageRecord, epochs: Sequence[LogRecord]) -> list[TermSummary]:
    shares = {term["label"]: term["share"] for term in stage.get("probe", {}).get("terms", ())}
    monitored = {term["label"] for term in stage.get("probe", {}).get("monitored", ())}
    first, last = (epochs[0]["terms"], epochs[-1]["terms"]) if epochs else ({}, {})

    def number(terms: Mapping[str, Any], label: str, key: str) -> float | None:
        return (terms.get(label) or {}).get(key)

    return [
        TermSummary(
            label,
            weight if isinstance(weight, int | float) else weight["last"],
            number(first, label, "value"),
            number(last, label, "value"),
            number(last, label, "contribution"),
            shares.get(label),
            label in monitored,
        )
        for label, weight in stage.get("weights", {}).items()
    ]


def _build_conflict_matrix(gradients: Sequence[LogRecord]) -> dict[str, Any] | None:
    """The cosines of the terms' gradients at their last measurement."""
    if not gradients:
        return None
    last = gradients[-1]
    cells = [[ConflictCell(cosine) for cosine in row] for row in last["cosines"]]
    return {"step": last["step"], "labels": last["labels"], "rows": list(zip(last["labels"], cells, strict=True))}


def _collect_metrics(manifest: Manifest, result: RunResult) -> dict[str, Any]:
    """The recipe's metrics, and the stages after which they were measured."""
    metrics = result.get("metrics") or {}
    stages = list(dict.fromkeys(["untrained", *(str(stage["name"]) for stage in manifest["stages"])]))
    return {"stages": stages, "rows": metrics} if metrics else {}
