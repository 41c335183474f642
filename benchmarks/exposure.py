"""The effect of exposure, lift and smoothing: a student of recipes/best.toml with other settings.

    python benchmarks/exposure.py --weights runs/best/student.safetensors --test lime --test dicm [--metric niqe ...]

Trains nothing. Measures each setting on generated scenes that no recipe trains on, against their well-lit versions, and
on photos without reference. ``bright`` is the mean output for photos that are brighter than 0.45.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import torch
from PIL import Image

from zerokd.data.dead_leaves import DeadLeaves
from zerokd.models.auto_exposure import AutoExposure
from zerokd.plugin.discovery import discover_plugins
from zerokd.run.figures import draw_samples
from zerokd.student.evaluate.columns import build_columns
from zerokd.student.evaluate.evaluate import PhotoEvaluation, evaluate_methods
from zerokd.student.evaluate.methods import Method, build_baselines, build_tiled_enhancer, load_method
from zerokd.student.load import load_trained_model

PICTURED_SCENES = (0, 32, 6)
SCENE_COUNT, SCENE_SIZE, SCENE_SEED = 40, 256, 7  # of generated scenes; recipes train on seed 0
BRIGHT_THRESHOLD = 0.45
EXPOSURE_SETTINGS: list[dict[str, float]] = [
    {}, {"exposure": 0.46}, {"exposure": 0.5}, {"exposure": 0.58},
    {"lift": 0.0}, {"lift": 8.0}, {"lift": 12.0}, {"lift": 20.0}, {"denoise": 0.0}, {"denoise": 0.5},
]  # fmt: skip


def build_method(student: AutoExposure, setting: dict[str, float]) -> Method:
    """The same weights with other settings."""
    model = AutoExposure(**{**student.config.model_dump(), **setting}).eval()
    model.load_state_dict(student.state_dict())
    name = ", ".join(f"{key} {value:g}" for key, value in setting.items()) or "as trained"
    return Method(name, build_tiled_enhancer(model))


def write_scenes(folder: Path) -> tuple[Path, Path]:
    """Write dark scenes and the same scenes well lit; return both folders."""
    data = DeadLeaves(count=SCENE_COUNT, size=SCENE_SIZE, seed=SCENE_SEED)
    for name in ("low", "high"):
        (folder / name).mkdir()
        for index in range(SCENE_COUNT):
            image = data[index] if name == "low" else data.reference(index)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / name / f"{index}.png")
    return folder / "low", folder / "high"


def draw_methods(methods: Sequence[Method], path: Path) -> None:
    """Write a sheet of generated scenes: dark, by each method, and well lit."""
    data = DeadLeaves(count=SCENE_COUNT, size=160, seed=SCENE_SEED)
    low = torch.stack([data[index] for index in PICTURED_SCENES]).float() / 255
    columns = {"low": low}
    for method in methods:
        columns[method.name] = torch.cat([method.enhance(image[None]) for image in low])
    columns["well lit"] = torch.stack([data.reference(index) for index in PICTURED_SCENES]).float() / 255
    draw_samples(path, columns)


def mean_output_of_bright_photos(evaluation: PhotoEvaluation, method: str) -> float:
    """Mean output brightness for photos that are already bright."""
    values = [rows[method]["alone.brightness"] for rows in evaluation.values.values()
              if rows["input"]["alone.brightness"] > BRIGHT_THRESHOLD]  # fmt: skip
    return sum(values) / len(values) if values else float("nan")


@click.command(help=__doc__.split("\n")[0])
@click.option("--weights", required=True, help="A student of recipes/best.toml.")
@click.option("--teacher", help="Model to compare with: MODEL:FILE.")
@click.option("--test", "tests", multiple=True, type=click.Path(path_type=Path), help="Folder of photos.")
@click.option("--metric", "metrics", multiple=True, help="Metric of zerokd evaluate, such as niqe.")
@click.option("--metric-set", multiple=True, help="KEY=VALUE of such a metric.")
@click.option("--threads", default=1, show_default=True)
@click.option(
    "--picture",
    "sheet",
    type=click.Path(path_type=Path),
    help="Write a sheet of generated scenes: teacher, student, reference.",
)
@click.option("--json", "as_json", is_flag=True)
def main(
    weights: str, teacher: str | None, tests: Sequence[Path], metrics: Sequence[str], metric_set: Sequence[str],
    threads: int, sheet: Path | None, as_json: bool,
) -> None:  # fmt: skip
    torch.set_num_threads(threads)
    catalogue = discover_plugins()
    model = load_trained_model(weights, catalogue).model
    if not isinstance(model, AutoExposure):
        raise click.UsageError(f"{weights} holds a {type(model).__name__}, not an AutoExposure")
    methods = [*build_baselines(), *([load_method(teacher, catalogue)] if teacher else [])]
    methods += [build_method(model, setting) for setting in EXPOSURE_SETTINGS]
    if sheet is not None:
        shown = [method for method in methods if method.model is not None]
        draw_methods([*shown, build_method(model, {})], sheet)
    with tempfile.TemporaryDirectory() as folder:
        low, high = write_scenes(Path(folder))
        lit = evaluate_methods(low, high, methods, None, build_columns(catalogue, True, False))
    columns = build_columns(catalogue, False, False, metrics, metric_set)
    photos = {test.name: evaluate_methods(test, None, methods, None, columns) for test in tests}
    if as_json:
        click.echo(
            json.dumps({"scenes": lit.as_json(), **{name: evaluation.as_json() for name, evaluation in photos.items()}})
        )
        return
    for title, evaluation in {"scenes": lit, **photos}.items():
        shown = [
            column
            for column in evaluation.columns
            if column.name in ("psnr", "ssim", "brightness", "clipped_share", "niqe")
        ]
        click.echo(f"\n{title:<38}" + "".join(f"{column.name[:9]:>11}" for column in shown) + f"{'bright':>9}")
        for method in methods:
            numbers = "".join(f"{evaluation.mean(method.name, column):>11.3f}" for column in shown)
            click.echo(f"{method.name:<38}{numbers}{mean_output_of_bright_photos(evaluation, method.name):>9.3f}")


if __name__ == "__main__":
    main()
