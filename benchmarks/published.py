"""Students of the published recipes: a picture of two generated scenes, and the tables of docs/results/published.md.

    python benchmarks/published.py RUNS [--picture docs/pictures/published.webp]
        [--pairs LOW REFERENCES] [--photos DIR ...] [--student NAME ...] [--metric NAME ...] [--out TABLES]

RUNS holds runs RECIPE-seedN of the recipes in recipes/published; a recipe's seeds are one row, as in
`zerokd benchmark --recipe`, which would train them all by the same settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
import torch
from attrs import evolve
from gallery import SCENES, draw_photos, draw_sheet, enhance_photo

from zerokd.benchmark.benchmark import build_set_columns, measure_entries, name_photo_sets
from zerokd.benchmark.entries import BenchmarkEntry, load_entries
from zerokd.benchmark.tables import describe_benchmark, write_benchmark
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.evaluate.methods import load_method

SHOWN_SCENES, COLUMNS, TILE_WIDTH = ("desk", "wet_street"), 4, 324
RECIPES = (
    "zero_dce",
    "zero_dce_pp",
    "sci",
    "pairlie",
    "ruas_like",
    "enlighten_gan_like",
    "lite_ie_like",
    "unet_supervised",
)


def load_trained_entries(runs: Path, catalogue: Catalogue, names: Iterable[str] = RECIPES) -> list[BenchmarkEntry]:
    """A row for each recipe, with a student for each seed that has a run."""
    entries = []
    for name in names:
        folders = sorted(path for path in runs.glob(f"{name}-seed*") if path.is_dir())
        seeds = tuple(int(folder.name.rpartition("-seed")[2]) for folder in folders)
        methods = [load_method(str(folder), catalogue) for folder in folders]
        named = (evolve(method, name=f"{name} seed {seed}") for seed, method in zip(seeds, methods, strict=True))
        entries.append(BenchmarkEntry(name, tuple(named), seeds))
    return entries


def draw_picture(runs: Path, catalogue: Catalogue, path: Path) -> None:
    """Two scenes of the gallery through the students of seed 0, the teacher and the best student."""
    methods = {name: load_method(str(runs / f"{name}-seed0"), catalogue) for name in RECIPES} | {
        name: load_method(name, catalogue) for name in ("teacher", "best")
    }
    rows = []
    for scene in (scene for scene in SCENES if scene.name in SHOWN_SCENES):
        low, lit = draw_photos(scene)
        shown = {"input": low} | {name: enhance_photo(method, low) for name, method in methods.items()}
        tiles = [*shown.items(), ("well lit", lit)]
        rows += [dict(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    draw_sheet(rows, TILE_WIDTH).save(path, quality=72, method=6)


@click.command(help=__doc__.split("\n")[0])
@click.argument("runs", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--picture", "picture_path", type=click.Path(path_type=Path), help="Draw the scenes into this file.")
@click.option("--pairs", type=(click.Path(path_type=Path), click.Path(path_type=Path)), multiple=True)
@click.option("--photos", type=click.Path(path_type=Path), multiple=True)
@click.option("--student", "students", multiple=True, help="Another row, as in `zerokd benchmark`.")
@click.option("--metric", "metrics", multiple=True)
@click.option("--out", default="benchmark", type=click.Path(path_type=Path), help="Folder of the tables.")
def main(
    runs: Path, picture_path: Path | None, pairs: tuple[tuple[Path, Path], ...], photos: tuple[Path, ...],
    students: tuple[str, ...], metrics: tuple[str, ...], out: Path,
) -> None:  # fmt: skip
    torch.set_num_threads(1)
    catalogue = discover_plugins()
    if picture_path is not None:
        draw_picture(runs, catalogue, picture_path)
    if pairs or photos:
        entries = [*load_entries(students, catalogue), *load_trained_entries(runs, catalogue)]
        sets = name_photo_sets(pairs, photos)
        benchmark = measure_entries(entries, sets, build_set_columns(catalogue, sets, metrics))
        out.mkdir(parents=True, exist_ok=True)
        write_benchmark(benchmark, out)
        click.echo("\n".join(describe_benchmark(benchmark)))


if __name__ == "__main__":
    main()
