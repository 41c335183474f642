"""``zerokd run`` for Python."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console

from zerokd.errors import calling_place
from zerokd.plugin.contracts import Model
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.global_state import preserve_global_state
from zerokd.recipe.build.overrides import apply_options, apply_python_settings
from zerokd.recipe.toml.extends import read_recipe
from zerokd.run.folder import RunFolder
from zerokd.run.launch import run_recipe
from zerokd.run.progress import Progress
from zerokd.run.records import Manifest
from zerokd.run.resume import read_manifest
from zerokd.student.load import load_model
from zerokd.text import format_number
from zerokd.training.log_records import read_log_lines

Record = dict[str, float | int | str]


class Run:
    """A finished run: its folder, and what lies in it.

    Args:
        folder: the run folder.
        plugins: one-file plugins that the run needed.

    Attributes:
        folder: the run folder.

    Raises:
        RunFolderError: it is no run folder.
    """

    def __init__(self, folder: str | Path, plugins: Iterable[str | Path] = ()):
        self.folder, self._files, self._plugins = Path(folder), RunFolder(Path(folder)), tuple(plugins)
        self.manifest: Manifest = read_manifest(self._files)
        """The content of ``manifest.json``: provenance, versions, evidence of every term, and ``result``."""

    @cached_property
    def student(self) -> Model:
        """The trained network on the CPU, in eval mode: it maps (N, 3, H, W) in [0, 1] to its outputs by name."""
        return load_model(self.folder, self._plugins)

    @property
    def report(self) -> Path:
        """The path of the report, one page of HTML."""
        return self.folder / "report.html"

    @cached_property
    def steps(self) -> list[Record]:
        """A flat record for each logged step, for ``pandas.DataFrame(run.steps)``: stage, epoch, step, total, learning
        rate and gradient norm, each term's value by label, its weight as ``LABEL.weight``, and as ``LABEL.factor`` what
        an aggregator multiplied its gradient by, if it did."""
        return self._records("step")

    @cached_property
    def epochs(self) -> list[Record]:
        """A flat record for each epoch, as in :attr:`steps`: means over the steps of the epoch."""
        return self._records("epoch")

    def _records(self, kind: str) -> list[Record]:
        lines = read_log_lines(self._files.metrics, lambda: None)
        return [_flatten(line) for line in lines if line["kind"] == kind]

    def __str__(self) -> str:
        result = self.manifest.get("result")
        if result is None:
            return f"{self.folder}: unfinished; resume it with train(..., out={str(self.folder)!r}, resume=True)"
        student, fidelity = result["student"], result["fidelity"]
        lines = [f"{self.folder}: {student['parameters']} parameters, {result['seconds']:.0f} s"]
        names = [name for name in fidelity if name != "measured_on"]
        lines += [f"PSNR on {fidelity['measured_on']} images, {name}: {fidelity[name]:.2f} dB" for name in names]
        for name, metric in result.get("metrics", {}).items():
            if metric["value"] is not None:
                lines.append(f"{name}: {format_number(metric['value'])} {metric['unit']}".rstrip())
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def _repr_html_(self) -> str:
        """The summary, the samples of the last stage that has some, and the curves."""
        parts = [f"<pre>{escape(str(self))}</pre>"]
        sheets = [self._files.sample_path(stage["name"]) for stage in self.manifest["stages"]]
        drawn = [sheet for sheet in sheets if sheet.exists()]
        parts += [f'<img alt="samples" src="{to_jpeg_uri(sheet)}">' for sheet in drawn[-1:]]
        if self._files.curves.exists():
            parts.append(f'<div style="background: white">{self._files.curves.read_text(encoding="utf-8")}</div>')
        return "".join(parts)


def to_jpeg_uri(path: Path) -> str:
    """An image file as a data: URI, at most 800 pixels wide and compressed."""
    with Image.open(path) as image:
        image.thumbnail((800, 4096))
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def train(
    recipe: str | Path,
    *,
    out: str | Path | None = None,
    set: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    device: str = "cpu",
    resume: bool = False,
    observe: Iterable[str] = (),
    plugins: Iterable[str | Path] = (),
    progress: bool = True,
) -> Run:
    """Train a student from a recipe into a run folder, as ``zerokd run`` does.

    Random generators and torch's settings are as before afterwards. An interrupt stops between two steps, saves a
    checkpoint and raises :class:`~zerokd.StoppedError`; ``resume=True`` resumes it.

    Args:
        recipe: the path of a TOML file, the name of a shipped recipe (``paper``), or TOML text (with a line break).
        out: the run folder, new or empty; by default ``runs/<name>-<time>``.
        set: changes to the recipe by dotted key: ``{"params.alpha": 0.4}``; None removes a key.
        data: a folder of photos to train on.
        epochs: the length of all stages together.
        seed: the seed.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
        resume: resume the run in ``out``, or the newest unfinished run of this recipe.
        observe: read-only observers to attach, by name.
        plugins: one-file plugins, as ``--plugin`` takes them.
        progress: print how the run goes: a bar on a terminal and in a notebook, lines elsewhere.

    Raises:
        ZerokdError: every error that ``zerokd run`` reports.
    """
    place = calling_place()
    plugin_paths = tuple(map(Path, plugins))
    document = apply_python_settings(read_recipe(recipe), set or {}, place)
    document = apply_options(document, (), None if data is None else str(data), epochs, seed, observe)
    with preserve_global_state():
        reporter = Progress(Console(quiet=not progress))
        folder = run_recipe(
            document,
            discover_plugins(plugin_paths, strict=True),
            device,
            None if out is None else Path(out),
            resume,
            reporter,
            command=("train", str(place), *(word for path in plugin_paths for word in ("--plugin", str(path)))),
        )
        from zerokd import try_write_report

        reporter.report(try_write_report(folder, plugin_paths))
    return Run(folder, plugin_paths)


def _flatten(line: Mapping[str, Any]) -> Record:
    record: Record = {key: value for key, value in line.items() if key not in ("kind", "terms")}
    for label, term in line["terms"].items():
        record |= {label: term["value"], f"{label}.weight": term["weight"]}
        record |= {f"{label}.factor": term["factor"]} if "factor" in term else {}
    return record
