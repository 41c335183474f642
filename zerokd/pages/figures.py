"""The charts of a run: what the report shows, and figures for papers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from zerokd.chart import Line, Panel, draw_chart_file
from zerokd.errors import OutputError
from zerokd.files.atomic import write_bytes
from zerokd.pages.run_record import LogRecord, RunRecord, attribute_damage, read_run
from zerokd.run.figures import assign_colours, build_contribution_lines, build_monitored_lines, build_term_lines
from zerokd.run.records import StageRecord

OPTIONAL_CHARTS = ("monitored", "schedules", "factors", "measured")  # of a stage, absent where there is nothing
RAMP_FIGURE = "grey"
PDF_HINT = "no PDF: pip install 'zerokd[figures]', and the system's cairo library"


@frozen
class WrittenFigures:
    """The SVG files of the figures, and whether each has a PDF beside it."""

    paths: tuple[Path, ...]
    has_pdf: bool

    def describe(self, folder: Path) -> str:
        """A line such as "12 figures in figures/, SVG and PDF"."""
        formats = "SVG and PDF" if self.has_pdf else f"SVG ({PDF_HINT})"
        return f"{len(self.paths)} figure{'' if len(self.paths) == 1 else 's'} in {folder}, {formats}"


def write_figures(path: Path, folder: Path, plugins: Iterable[Path] = ()) -> WrittenFigures:
    """Write each chart of the report of the run in ``path`` into ``folder``: STAGE-CHART.svg, and .pdf if CairoSVG is
    installed.

    Raises:
        RunFolderError: it is no run folder, or is damaged.
        OutputError: a file cannot be written.
    """
    run = read_run(path)
    with attribute_damage(run):
        texts = {name: draw_chart_file([panel], False) for name, panel in _name_panels(run, plugins)}
    pdfs = {name: svg_to_pdf(text) for name, text in texts.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_bytes(folder / f"{name}.svg", text.encode())
        for name, pdf in pdfs.items():
            if pdf is not None:
                write_bytes(folder / f"{name}.pdf", pdf)
    except OSError as error:
        raise OutputError(f"cannot write figures to {str(folder)!r}: {error.strerror or error}") from error
    return WrittenFigures(tuple(folder / f"{name}.svg" for name in texts), None not in pdfs.values())


def svg_to_pdf(text: str) -> bytes | None:
    """The figure as PDF with embedded fonts; None without CairoSVG or the library that it calls."""
    try:
        from cairosvg import svg2pdf
    except (ImportError, OSError):  # OSError: the system has no cairo
        return None
    pdf: bytes = svg2pdf(bytestring=text.encode())
    return pdf


def build_ramp_panel(run: RunRecord, plugins: Iterable[Path] = ()) -> Panel | None:
    """The student's output for flat grey; None without a student."""
    lines = run.compute_grey_ramp(plugins)
    return Panel("the student's output for flat grey", lines, "input", "output") if lines else None


def build_stage_panels(run: RunRecord, stage: StageRecord) -> dict[str, Panel]:
    """The charts of a stage by name; those of ``OPTIONAL_CHARTS`` may be absent."""
    name = str(stage["name"])
    epochs, steps, gradients = (run.select_log_records(name, kind) for kind in ("epoch", "step", "gradients"))
    colours = assign_colours(stage.get("weights", {}))
    contributions = build_contribution_lines(epochs, colours)
    shares = build_term_lines(gradients, "share", "step", colours)
    weights = [line for line in build_term_lines(steps, "weight", "step", colours) if len({*line.ys} - {None}) > 1]
    optional = {
        "monitored": Panel(f"monitored terms of {name}", build_monitored_lines(epochs), "epoch", "value"),
        "schedules": Panel(f"scheduled weights of {name}", weights, "step", "weight", log=True),
        "factors": _build_factor_panel(name, steps, colours),
        "measured": Panel(
            f"metrics during {name}", _build_metric_lines(run.select_log_records(name, "metric")), "step", "value"
        ),
    }
    return {
        "contributions": Panel(
            f"contribution of each term of {name}", contributions, "epoch", "contribution", log=True
        ),
        "shares": Panel(f"gradient share of each term of {name}", shares, "step", "share"),
        "rate": Panel(f"learning rate of {name}", [_build_line(steps, "learning_rate")], "step", "rate"),
        "norm": Panel(f"gradient norm of {name}", [_build_line(steps, "gradient_norm")], "step", "norm", log=True),
        **{key: panel for key, panel in optional.items() if panel.lines},
    }


def _build_factor_panel(name: str, steps: Sequence[LogRecord], colours: Mapping[str, int]) -> Panel:
    lines = build_term_lines(steps, "factor", "step", colours)
    return Panel(f"factors of {name}", lines, "step", "factor", log=True)


def _build_metric_lines(records: Sequence[LogRecord]) -> list[Line]:
    """The metrics that were measured during a stage, over its steps."""
    during = [record for record in records if "step" in record]
    names = dict.fromkeys(record["name"] for record in during)
    own = {name: [record for record in during if record["name"] == name] for name in names}
    return [
        Line(name, [record["step"] for record in lines], [record["value"] for record in lines])
        for name, lines in own.items()
    ]


def _build_line(records: Sequence[LogRecord], key: str) -> Line:
    return Line(key.replace("_", " "), [record["step"] for record in records], [record[key] for record in records])


def _name_panels(run: RunRecord, plugins: Iterable[Path]) -> Iterator[tuple[str, Panel]]:
    """The charts that show something, with their names as files."""
    for stage in run.players:
        for key, panel in build_stage_panels(run, stage).items():
            if any(line.ys for line in panel.lines):
                yield f"{re.sub(r'[^A-Za-z0-9_-]+', '-', str(stage['name']))}-{key}", panel
    ramp = build_ramp_panel(run, plugins)
    if ramp is not None:
        yield RAMP_FIGURE, ramp
