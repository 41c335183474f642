"""Two generated scenes through the students of the published recipes.

    python benchmarks/published.py RUNS [--out docs/pictures/published.webp]

RUNS is a folder with a run of each recipe, by its name; `zerokd benchmark` makes the table beside the picture.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
from gallery import SCENES, draw_photos, draw_sheet, enhance_photo

from zerokd.plugin.discovery import discover_plugins
from zerokd.student.evaluate.methods import load_method

SHOWN_SCENES, COLUMNS, TILE_WIDTH = ("desk", "wet_street"), 4, 324
METHODS = (
    "zero_dce",
    "zero_dce_pp",
    "sci",
    "pairlie",
    "ruas_like",
    "enlighten_gan_like",
    "lite_ie_like",
    "unet_supervised",
)


@click.command(help=__doc__.split("\n")[0])
@click.argument("runs", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", default="docs/pictures/published.webp", show_default=True, type=click.Path(path_type=Path))
def main(runs: Path, out: Path) -> None:
    torch.set_num_threads(1)
    catalogue, rows = discover_plugins(), []
    methods = {name: load_method(str(runs / name), catalogue) for name in METHODS} | {
        name: load_method(name, catalogue) for name in ("teacher", "best")
    }
    for scene in (scene for scene in SCENES if scene.name in SHOWN_SCENES):
        low, lit = draw_photos(scene)
        shown = {"input": low} | {name: enhance_photo(method, low) for name, method in methods.items()}
        tiles = [*shown.items(), ("well lit", lit)]
        rows += [dict(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    draw_sheet(rows, TILE_WIDTH).save(out, quality=72, method=6)


if __name__ == "__main__":
    main()
