"""The model card of a run's student: a README.md with metadata that the Hugging Face Hub reads."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from zerokd.describe.comparison_markup import comparison_to_markdown, text_to_markdown
from zerokd.describe.comparison_table import (
    EvaluationRecord,
    build_comparison_table,
    describe_lost_comparisons,
    find_method,
)
from zerokd.errors import DataError, OutputError, Problem, RunFolderError, escape_unprintable
from zerokd.files.atomic import write_text
from zerokd.files.digest import file_sha256
from zerokd.files.record import parse_record
from zerokd.files.regular import read_regular
from zerokd.pages.run_record import RunRecord, attribute_damage, read_run
from zerokd.recipe.build.signals import NOT_ZERO_REFERENCE
from zerokd.student.evaluate.tables import format_column_title

CARD_FILE = "README.md"
ABSOLUTE_PATH = re.compile(r"""(?<![\w./~:-])/[^\s"'/,\]}]+(?:/[^\s"'/,\]}]*)+""")  # of at least two parts
CARD_MARKER = "<!-- written by `zerokd card`, which replaces this file -->"
INPUT_PAIR = "input to "  # starts the name of a measurement of the unchanged input
UNKNOWN_LICENCE = "unknown"
TASK = {"type": "image-to-image", "name": "Low-light image enhancement"}
TAGS = ("low-light-enhancement", "image-enhancement", "knowledge-distillation", "zerokd")
ZERO_REFERENCE_TAG = "zero-reference"


def write_model_card(
    path: Path,
    evaluation_file: Path | None = None,
    licence: str = UNKNOWN_LICENCE,
    target: Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the card of the finished run in ``path`` and return its path, by default README.md in the run folder.

    Args:
        evaluation_file: what ``zerokd evaluate --json`` wrote about this student.
        licence: the identifier of the weights' licence, such as "apache-2.0".
        overwrite: replace a file that is no model card of zerokd.

    Raises:
        RunFolderError: it is no run folder, is damaged, or its run has not ended.
        DataError: the evaluation is damaged, or does not measure this student.
        OutputError: the target belongs to somebody else, or cannot be written.
    """
    run = read_run(path)
    digest = _require_student(run)
    target = target or path / CARD_FILE
    if not overwrite and target.exists() and not _is_model_card(target):
        hint = "choose another file: -o FILE; or replace it: --overwrite"
        raise OutputError(Problem(f"{str(target)!r} exists and is no model card of zerokd", hints=(hint,)))
    evaluation = None if evaluation_file is None else read_evaluation(evaluation_file, digest)
    with attribute_damage(run):
        text = format_model_card(run, evaluation, licence.lower())
    write_text(target, text)
    return target


def read_evaluation(path: Path, digest: str) -> EvaluationRecord:
    """The record of an evaluation that measured the student with this SHA-256.

    Raises:
        DataError: the file cannot be read, has no such record, or measured other students.
    """
    try:
        record = parse_record(EvaluationRecord, read_regular(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "give a file that `zerokd evaluate --json FILE` wrote"
        raise DataError(Problem(f"{str(path)!r} is no evaluation: {reason}", hints=(hint,))) from error
    if find_method(record, digest) is None:
        hint = "run `zerokd evaluate PHOTOS --student RUNDIR --json FILE`"
        raise DataError(Problem(f"{str(path)!r} does not measure the student of this run", hints=(hint,)))
    return record


def format_model_card(run: RunRecord, evaluation: EvaluationRecord | None, licence: str) -> str:
    """The text of the card, with its metadata in front."""
    manifest = run.manifest
    student = manifest["result"]["student"]
    reference_notes = [str(text) for text in manifest.get("cautions", ()) if NOT_ZERO_REFERENCE in str(text)]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", run.name)
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters["md"] = lambda text: text_to_markdown(" ".join(escape_unprintable(str(text)).split()))
    template = files("zerokd.pages").joinpath("model_card.txt").read_text(encoding="utf-8")
    text = environment.from_string(template).render(
        metadata=format_front_matter(_build_metadata(run, evaluation, licence, name, not reference_notes)),
        marker=CARD_MARKER,
        name=name,
        manifest=manifest,
        parameters=f"{student['parameters']:,}",
        digest=student["sha256"],
        reference_notes=reference_notes,
        dataset="" if evaluation is None else _name_data_set(evaluation),
        comparison="" if evaluation is None else comparison_to_markdown(build_comparison_table(evaluation)),
        held_out=[(label, f"{value:.2f} {unit}") for label, value, unit in _collect_held_out(run)],
        measured_on=manifest["result"].get("fidelity", {}).get("measured_on", "held-out"),
        limits=list(_describe_limits(run, evaluation)),
        training=list(_describe_training(run)),
        recipe=_hide_folders(run.recipe.strip()),
        fence="`" * max(3, 1 + max(map(len, re.findall("`+", run.recipe)), default=0)),
        licence=licence,
        has_licence=licence != UNKNOWN_LICENCE,
        others=[(key, model) for key, model in manifest.get("models", {}).items() if "sha256" in model],
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def format_front_matter(metadata: Mapping[str, Any]) -> str:
    """Metadata as YAML, a key on each line. JSON is YAML too, and needs no other package."""
    return "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in metadata.items())


def _build_metadata(
    run: RunRecord, evaluation: EvaluationRecord | None, licence: str, name: str, is_zero_reference: bool
) -> dict[str, Any]:
    tags = [*TAGS, ZERO_REFERENCE_TAG] if is_zero_reference else [*TAGS]
    metadata = {"license": licence, "library_name": "zerokd", "pipeline_tag": TASK["type"], "tags": tags}
    results = [
        {
            "task": TASK,
            "dataset": {"type": re.sub(r"[^a-z0-9_-]+", "-", data_set.lower()), "name": data_set},
            "metrics": [{"type": kind, "name": title, "value": value} for kind, title, value in metrics],
        }
        for data_set, metrics in _collect_results(run, evaluation)
        if metrics
    ]
    return metadata | ({"model-index": [{"name": name, "results": results}]} if results else {})


def _collect_results(
    run: RunRecord, evaluation: EvaluationRecord | None
) -> Iterator[tuple[str, list[tuple[str, str, float]]]]:
    """Each data set, with type, title and value of the metrics on it."""
    method = None if evaluation is None else find_method(evaluation, run.manifest["result"]["student"]["sha256"])
    if evaluation is not None and method is not None:
        ranked = {key for key, column in evaluation["columns"].items() if column.get("better")}
        means = [
            (key.partition("."), value) for key, value in method["mean"].items() if key in ranked and value is not None
        ]
        yield (
            _name_data_set(evaluation),
            [(metric, _title_metric(group, metric), round(value, 4)) for (group, _, metric), value in means],
        )
    source = str(run.manifest["data"]["source"]["use"]).partition(":")[2]
    yield (
        f"{source}, held out from training",
        [
            ("psnr" if unit == "dB" else label, label, round(value, 4))
            for label, value, unit in _collect_held_out(run)
            if INPUT_PAIR not in label
        ],
    )


def _title_metric(group: str, metric: str) -> str:
    return format_column_title(metric) + (" to the teacher" if group == "teacher" else "")


def _collect_held_out(run: RunRecord) -> Iterator[tuple[str, float, str]]:
    """Label, value and unit of what the run measured at its end, beside its value for the unchanged input."""
    result = run.manifest["result"]
    for pair, value in result.get("fidelity", {}).items():
        if isinstance(value, int | float) and math.isfinite(value):
            yield f"PSNR, {pair}", float(value), "dB"
    for name, metric in result.get("metrics", {}).items():
        if metric["value"] is not None:
            yield name, float(metric["value"]), str(metric["unit"])


def _describe_limits(run: RunRecord, evaluation: EvaluationRecord | None) -> Iterator[str]:
    """What the student cannot do, as far as its record shows."""
    manifest = run.manifest
    if evaluation is None:
        yield "No measurement on photos is part of this card."
    else:
        yield from describe_lost_comparisons(evaluation, manifest["result"]["student"]["sha256"])
    verdict = manifest["data"].get("account", {}).get("verdict", "")
    yield (
        f"It learned from {manifest['data']['training']} images; {verdict}."
        if verdict
        else "Its data is not described."
    )
    capacity = manifest["result"].get("capacity", {})
    dead, idle = capacity.get("channels", {}).get("dead", 0), capacity.get("parameters", {}).get("idle", 0)
    yield from [f"{dead} of {capacity['channels']['count']} hidden channels are dead."] if dead else []
    yield from [f"{idle} of {capacity['parameters']['count']} parameters have no visible effect."] if idle else []
    skipped = manifest["result"].get("skipped_steps", 0)
    yield from [f"{skipped} training steps were skipped because a value was not finite."] if skipped else []


def _describe_training(run: RunRecord) -> Iterator[tuple[str, str]]:
    """How the student came about: what a reader needs to repeat the run."""
    manifest, data = run.manifest, run.manifest["data"]
    yield "command", _hide_folders(" ".join(["zerokd", *map(str, manifest.get("command", ()))]))
    yield "seed", str(manifest["seed"])
    yield "data", f"{data['source']['use']}, {data['training']} images, {len(data['held_out'])} held out"
    yield "SHA-256 of the images", str(data["sha256"])
    yield (
        "model",
        f"{manifest['models']['student']['use']} {json.dumps(manifest['models']['student'].get('config', {}))}",
    )
    yield "time", f"{manifest['result']['seconds']:.0f} s on {manifest['device']}, {manifest['threads']} threads"
    yield "versions", ", ".join(f"{key} {value}" for key, value in manifest["versions"].items())
    yield from _describe_plugins(manifest.get("plugins", {}).values())


def _hide_folders(text: str) -> str:
    """Text with the last part of each absolute path: the folders above it are private, and nobody else has them."""
    return ABSOLUTE_PATH.sub(lambda match: match[0].rstrip("/").rpartition("/")[2], text)


def _describe_plugins(providers: Iterable[Any]) -> Iterator[tuple[str, str]]:
    others = sorted({str(provider) for provider in providers if not str(provider).startswith("zerokd ")})
    if others:
        yield "plugins", ", ".join(others)


def _require_student(run: RunRecord) -> str:
    """The SHA-256 of the run's student.

    Raises:
        RunFolderError: the run has not ended, or its student is missing or has changed.
    """
    folder = run.folder
    if "student" not in (run.manifest.get("result") or {}):
        hint = f"finish it: `zerokd resume {folder.path}`"
        raise RunFolderError(Problem(f"the run in {str(folder.path)!r} has not ended", hints=(hint,)))
    recorded = run.manifest["result"]["student"]["sha256"]
    if not folder.student.is_file() or file_sha256(folder.student) != recorded:
        text = f"{str(folder.student)!r} is not the file that the run wrote"
        raise RunFolderError(Problem(text, hints=("a card would describe another student",)))
    return recorded


def _name_data_set(evaluation: EvaluationRecord) -> str:
    """The name of the folder of photos, without the folders above it."""
    return escape_unprintable(Path(evaluation["photos"]).resolve().name) or "photos"


def _is_model_card(path: Path) -> bool:
    try:
        return CARD_MARKER in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
