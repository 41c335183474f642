"""The gallery: twelve generated scenes, each enhanced by the bundled models and by baselines that need no training.

    python benchmarks/gallery.py [--teacher zero_dce_pp:OFFICIAL.pth] [--out docs/pictures]

Draws the scenes, writes a sheet for each and one of three for the README, and prints docs/results/gallery.md's tables:
PSNR and SSIM to the well-lit version, and the brightness. Takes two minutes on one core.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import torch
from attrs import frozen
from PIL import Image, ImageDraw, ImageFont

from zerokd.data.ray_cast.sensor import take_photo
from zerokd.data.rooms_and_streets import SceneKind, draw_light
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.evaluate.columns import build_columns
from zerokd.student.evaluate.evaluate import PhotoEvaluation, evaluate_methods
from zerokd.student.evaluate.methods import BUNDLED_TEACHER, Method, build_baselines, load_method

HEIGHT, WIDTH, READ_NOISE, SCENE_SEED = 324, 432, 3.0, 20
GAP, CAPTION_HEIGHT, TEXT_COLOR, BACKGROUND_COLOR = 4, 22, (225, 225, 225), (24, 24, 24)
BASELINE = "exposed curve + 3x3"  # the strongest in the table
LEAD_SCENES, LEAD_METHODS, LEAD_WIDTH = ("desk", "window", "wet_street"), ("input", "teacher", "best"), 380


@frozen
class GalleryScene:
    """``number`` chooses the scene of its kind, ``stops`` and ``gain`` the photo of it."""

    name: str
    kind: SceneKind
    number: int
    stops: float
    gain: float


SCENES = (
    GalleryScene("desk", "lamp_room", 5, -4.0, 5e-4),
    GalleryScene("sofa", "lamp_room", 16, -3.0, 3e-4),
    GalleryScene("coloured_lamps", "lamp_room", 50, -3.5, 4e-4),
    GalleryScene("town_window", "lamp_room", 24, -5.0, 6e-4),
    GalleryScene("noise", "lamp_room", 3, -6.5, 1.2e-3),
    GalleryScene("window", "back_lit_room", 13, -3.0, 3e-4),
    GalleryScene("silhouette", "back_lit_room", 8, -4.5, 8e-4),
    GalleryScene("daylight", "back_lit_room", 7, 0.0, 1e-4),
    GalleryScene("over_exposed", "back_lit_room", 10, 1.0, 1e-4),
    GalleryScene("wet_street", "street", 13, -3.0, 4e-4),
    GalleryScene("neon", "street", 20, -4.0, 5e-4),
    GalleryScene("night_street", "street", 12, -5.5, 1e-3),
)


def draw_photos(scene: GalleryScene) -> tuple[np.ndarray, np.ndarray]:
    """The photo and the well-lit version, (H, W, 3), uint8."""
    light = draw_light(scene.kind, (SCENE_SEED, scene.number), HEIGHT, WIDTH)
    rng = np.random.default_rng((SCENE_SEED, scene.number, 1))
    return take_photo(rng, light, scene.stops, scene.gain, READ_NOISE), take_photo(rng, light, 0.0, 0.0, 0.0)


def build_methods(teacher: str) -> list[Method]:
    """The baselines, then the teacher and the bundled students by their names in the gallery."""
    catalogue = discover_plugins()
    models = {"teacher": teacher, "fidelity": "fidelity", "best": "best"}
    loaded = [(name, load_method(location, catalogue)) for name, location in models.items()]
    baselines = [method for method in build_baselines() if method.name != "constant curve"]
    return [*baselines, *(Method(name, method.enhance, method.model) for name, method in loaded)]


@torch.no_grad()
def enhance_photo(method: Method, photo: np.ndarray) -> np.ndarray:
    """The enhanced photo, uint8."""
    image = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
    return (255 * method.enhance(image)[0].clamp(0, 1)).round().byte().permute(1, 2, 0).numpy()


def draw_sheet(rows: Sequence[Mapping[str, np.ndarray]], width: int) -> Image.Image:
    """Captioned images, one row of the sheet for each mapping."""
    height = width * HEIGHT // WIDTH
    size = (len(rows[0]) * (width + GAP) - GAP, len(rows) * (height + CAPTION_HEIGHT))
    sheet = Image.new("RGB", size, BACKGROUND_COLOR)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for row, images in enumerate(rows):
        for column, (caption, pixels) in enumerate(images.items()):
            corner = column * (width + GAP), row * (height + CAPTION_HEIGHT)
            draw.text((corner[0] + 4, corner[1] + 3), caption, fill=TEXT_COLOR, font=font)
            image = Image.fromarray(pixels)
            if image.width != width:
                image = image.resize((width, height), Image.Resampling.LANCZOS)
            sheet.paste(image, (corner[0], corner[1] + CAPTION_HEIGHT))
    return sheet


def format_tables(evaluation: PhotoEvaluation, lit: Mapping[str, np.ndarray]) -> str:
    """Two tables, one row a scene: PSNR / SSIM of each method and their means; and the brightness."""
    columns = {column.name: column.key for column in evaluation.columns}
    names = [method.name for method in evaluation.methods]
    scores, means = [["", *names]], [["", *names, "well lit"]]
    for photo, rows in evaluation.values.items():
        name = Path(photo).stem
        scores.append([name, *(format_score(rows[method], columns) for method in names)])
        brightness = [rows[method][columns["brightness"]] for method in names]
        means.append([name, *(f"{value:.2f}".lstrip("0") for value in (*brightness, lit[name].mean() / 255))])
    average = {
        method: {key: np.mean([rows[method][key] for rows in evaluation.values.values()]) for key in columns.values()}
        for method in names
    }
    scores.append(["mean", *(format_score(average[method], columns, 1) for method in names)])
    return "\n\n".join(format_table(rows) for rows in (scores, means))


def format_score(row: Mapping[str, float], columns: Mapping[str, str], more_digits: int = 0) -> str:
    """PSNR / SSIM, which no line break divides."""
    ssim = f"{row[columns['ssim']]:.{2 + more_digits}f}".lstrip("0")
    return f"{row[columns['psnr']]:.{1 + more_digits}f}\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}{ssim}"


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; the first row is its head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


@click.command(help=__doc__.split("\n")[0])
@click.option("--teacher", default=BUNDLED_TEACHER, show_default=True, help="Model to compare with: MODEL:FILE.")
@click.option("--out", default="docs/pictures", show_default=True, type=click.Path(path_type=Path))
@click.option("--scene", "chosen", multiple=True, help="Draw only this scene.")
def main(teacher: str, out: Path, chosen: Sequence[str]) -> None:
    torch.set_num_threads(1)
    methods = build_methods(teacher)
    (out / "gallery").mkdir(parents=True, exist_ok=True)
    lead, lit_photos = [], {}
    with tempfile.TemporaryDirectory() as name:
        low_folder, lit_folder = Path(name, "low"), Path(name, "lit")
        for folder in (low_folder, lit_folder):
            folder.mkdir()
        for number, scene in enumerate(scene for scene in SCENES if not chosen or scene.name in chosen):
            low, lit = draw_photos(scene)
            for folder, photo in ((low_folder, low), (lit_folder, lit)):
                Image.fromarray(photo).save(folder / f"{number:02} {scene.name}.png")
            lit_photos[f"{number:02} {scene.name}"] = lit
            shown = {method.name: enhance_photo(method, low) for method in methods} | {"well lit": lit}
            rows = [("input", "teacher", "fidelity"), (BASELINE, "best", "well lit")]
            sheet = draw_sheet([{name: shown[name] for name in row} for row in rows], WIDTH)
            sheet.save(out / "gallery" / f"{scene.name}.webp", quality=68, method=6)
            if scene.name in LEAD_SCENES:
                lead.append({name: shown[name] for name in (*LEAD_METHODS, "well lit")})
        evaluation = evaluate_methods(
            low_folder, lit_folder, methods, None, build_columns(discover_plugins(), True, False)
        )
    if len(lead) == len(LEAD_SCENES):
        draw_sheet(lead, LEAD_WIDTH).save(out / "lead.jpg", quality=84, optimize=True, progressive=True)
    click.echo(format_tables(evaluation, lit_photos))


if __name__ == "__main__":
    main()
