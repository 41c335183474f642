"""The effect of training a working student on one loss only: ``python -m tools.site.single_loss``, minutes on a CPU.

zerokd refuses a stage whose only term rewards an unchanged image. Here that effect is the point, so the objective is
built and followed without its proof.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import click
import torch
from PIL import Image
from torch import Tensor

import zerokd
from tools.site.site import LOSS_PICTURES_FOLDER, find_first_party_entries
from zerokd.data.dead_leaves import DeadLeaves
from zerokd.describe.snippet import format_snippet
from zerokd.objective.objective import Objective
from zerokd.plugin.catalogue import Catalogue, CatalogueEntry
from zerokd.plugin.loading import load_component
from zerokd.recipe.build.components import Components
from zerokd.recipe.build.resolver import resolve_recipe
from zerokd.recipe.schema.recipe import validate_recipe
from zerokd.recipe.toml.document import parse_document
from zerokd.recipe.toml.format import format_toml_value
from zerokd.training.batches import iterate_batches, to_float_batch
from zerokd.training.state import StageState

STEPS, BATCH_SIZE, IMAGE_SIZE = 300, 4, 128
SHOWN_SCENES, SHOWN_SEED, SHOWN_SIZE = (21, 1), 7, 176  # no training here uses them
FRONT_PICTURE, FRONT_SCENES = Path("docs/pictures/before_after.webp"), (0, 21, 30, 1)  # on the site's first page
SHEET_GAP, WEBP_QUALITY = 4, 75  # pixels; 0 to 100
ILLUMINATION_STUDENT = ("illumination", "zerokd-retinex:retinex")  # an output that the student lacks, and a model that has it
RECIPE_TEMPLATE = """
name = "alone"
run = ["alone"]
data = {{ use = "dead_leaves", size = {side}, count = {count}, lit = 0.3, held_out = 0.0 }}
stages.alone = {{ use = "{stage}", objective = "{group}", epochs = 1, batch = {batch} }}
[models]
student = {student}
teacher = {{ use = "zero_dce_pp", weights = "bundled" }}
ema = {{ average_of = "student" }}
"""


def build_recipe_text(entry: CatalogueEntry, student: Path, vgg: str) -> str:
    """A recipe with the term that the component's page shows, and a trained student to start from."""
    loss: Any = load_component(entry)
    term = format_snippet(entry, loss)
    signals = " ".join([term, *(port.default or "" for port in loss.ports.values())])
    group = term.removeprefix("[terms.").split(".")[0]
    use = {"use": "nano_dce", "weights": str(student)} if f"student.{ILLUMINATION_STUDENT[0]}" not in signals else {"use": ILLUMINATION_STUDENT[1]}
    head = RECIPE_TEMPLATE.format(
        side=IMAGE_SIZE,
        count=BATCH_SIZE * STEPS,
        batch=BATCH_SIZE,
        student=format_toml_value(use),
        stage="self_supervised" if group == "task" else "distillation",
        group=group,
    )
    return head + term + (f"weights = {format_toml_value(vgg)}\n" if entry.spec.name == "vgg_perceptual" else "")


def train_single_loss(text: str, catalogue: Catalogue) -> tuple[Tensor, Tensor, Tensor]:
    """Scenes (N, 3, H, W), and the student's output for them before and after the recipe's only stage."""
    document = parse_document(text, "alone.toml")
    components = resolve_recipe(validate_recipe(document), document, catalogue)
    low = generate_scenes(SHOWN_SCENES)
    before = _enhance(components, low)
    (stage,) = components.stages
    training = StageState(stage, Objective.from_plan(stage, components), components)
    order = list(range(len(components.data)))
    for step, batch in enumerate(iterate_batches(components.data, order, stage, components.seed, low.device)):
        training.zero_grad()
        training.objective(stage.plugin.inputs(batch), step).total.backward()
        training.clip_grad_norm()
        training.optimizer_step(step)
    return low, before, _enhance(components, low)


def generate_scenes(indices: tuple[int, ...]) -> Tensor:
    """Generated scenes (N, 3, H, W) in [0, 1]."""
    source = DeadLeaves(count=max(indices) + 1, size=SHOWN_SIZE, seed=SHOWN_SEED)
    return to_float_batch([source[index] for index in indices], torch.device("cpu"))


@torch.no_grad()
def _enhance(components: Components, low: Tensor) -> Tensor:
    enhanced: Tensor = components.student.eval()(low)["enhanced"]
    components.student.train()
    return enhanced


def draw_sheet(columns: tuple[Tensor, ...]) -> Image.Image:
    """One row a scene, one column a batch, on a transparent background."""
    count, side = len(columns[0]), columns[0].shape[-1]
    size = [number * (side + SHEET_GAP) - SHEET_GAP for number in (len(columns), count)]
    sheet = Image.new("RGBA", (size[0], size[1]))
    for left, batch in enumerate(columns):
        for top, image in enumerate(batch):
            pixels = (255 * image).round().byte().permute(1, 2, 0).numpy()
            sheet.paste(Image.fromarray(pixels), (left * (side + SHEET_GAP), top * (side + SHEET_GAP)))
    return sheet


@click.command()
@click.argument("names", nargs=-1)
@click.option("--vgg", default="imagenet", show_default=True, help="Weights of vgg_perceptual.")
@click.option("--root", default=".", type=click.Path(exists=True, path_type=Path), help="The project's root folder.")
def main(names: tuple[str, ...], vgg: str, root: Path) -> None:
    """Draw the images of the losses NAMES; without NAMES, of all losses and of the first page."""
    torch.set_num_threads(1)
    entries = find_first_party_entries(root)
    (root / LOSS_PICTURES_FOLDER).mkdir(parents=True, exist_ok=True)
    if not names:
        low = generate_scenes(FRONT_SCENES)
        pairs = zip(low, zerokd.load()(low), strict=True)
        draw_sheet(tuple(torch.stack(pair) for pair in pairs)).save(root / FRONT_PICTURE, quality=WEBP_QUALITY, method=6)
    with as_file(files("zerokd.assets") / "nano_dce.safetensors") as student:
        for entry in entries:
            if entry.spec.kind == "losses" and (not names or entry.spec.name in names):
                columns = train_single_loss(build_recipe_text(entry, student, vgg), Catalogue(tuple(entries)))
                path = root / LOSS_PICTURES_FOLDER / f"{entry.spec.name}.webp"
                draw_sheet(columns).save(path, quality=WEBP_QUALITY, method=6)
                click.echo(f"{path}: mean {columns[1].mean():.3f} -> {columns[2].mean():.3f}")


if __name__ == "__main__":
    main()
