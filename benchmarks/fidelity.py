"""How near students come to a teacher on a folder of photos: PSNR, SSIM and mean brightness, and a picture.

    python benchmarks/fidelity.py PHOTOS --teacher zero_dce_pp:teacher.pth --model nano_dce:released.pth \
        --model run:runs/paper-.../student.safetensors --picture side_by_side.png

A model is ``run:FILE`` for a student that a run left, or ``PLUGIN:FILE`` for other weights of a model plugin. Every
photo is measured at its own size. The input itself always stands in the table.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image, ImageOps

import zerokd
from zerokd.losses.ssim import ssim
from zerokd.plugin.host import discover
from zerokd.run.pictures import draw_samples
from zerokd.run.session import psnr
from zerokd.weights import load_into, read_weights

SHOWN = 256  # side of the pictures' square crops after scaling


def read_model(text: str) -> tuple[str, zerokd.Model]:
    kind, _, file = text.partition(":")
    if kind == "run":
        return Path(file).parent.name, zerokd.load_model(file)
    model = discover().find("models", kind).spec.load()()
    load_into(model, read_weights(Path(file))[0], file)
    return Path(file).stem, model.eval()


def read_low(path: Path) -> torch.Tensor:
    with Image.open(path) as image:
        pixels = np.array(ImageOps.exif_transpose(image).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def square(image: torch.Tensor) -> torch.Tensor:
    side = min(image.shape[-2:])
    top, left = (image.shape[-2] - side) // 2, (image.shape[-1] - side) // 2
    crop = image[..., top : top + side, left : left + side]
    return torch.nn.functional.interpolate(crop, size=(SHOWN, SHOWN), mode="bilinear", antialias=True)


@click.command()
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option("--teacher", required=True)
@click.option("--model", "models", multiple=True)
@click.option("--picture", type=click.Path(path_type=Path))
@click.option("--rows", default=5, show_default=True, help="photos in the picture")
@torch.no_grad()
def main(photos: Path, teacher: str, models: tuple[str, ...], picture: Path | None, rows: int) -> None:
    name, reference = read_model(teacher)
    students = dict(read_model(text) for text in models)
    paths = sorted(path for path in photos.rglob("*") if path.suffix.lower() in Image.registered_extensions())
    sums: dict[str, list[tuple[float, float, float]]] = {}
    columns: dict[str, list[torch.Tensor]] = {}
    for number, path in enumerate(paths):
        low = read_low(path)
        target = reference(low)["enhanced"]
        images = {"input": low, name: target} | {key: model(low)["enhanced"] for key, model in students.items()}
        for key, image in images.items():
            row = (psnr(image, target), float(ssim(image, target)), float(image.mean()))
            sums.setdefault(key, []).append(row)
            if number % max(1, len(paths) // rows) == 0:
                columns.setdefault(key, []).append(square(image))
    click.echo(f"{len(paths)} photos of {photos.name}, against {name}")
    click.echo(f"{'':24} {'PSNR dB':>8} {'SSIM':>7} {'mean':>6}")
    for key, rows_of in sums.items():
        means = [sum(values) / len(values) for values in zip(*rows_of, strict=True)]
        decibels = "     -  " if key == name else f"{means[0]:8.2f}"
        click.echo(f"{key:24} {decibels} {means[1]:7.4f} {means[2]:6.3f}")
    if picture:
        draw_samples(picture, {key: torch.cat(column)[:rows] for key, column in columns.items()})


if __name__ == "__main__":
    main()
