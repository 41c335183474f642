"""What each loss does alone, as a small picture: ``python -m tools.site.loss_pictures``.

The pixels of a dark photo are trained on the loss alone, without a student: this shows what the loss rewards, not what
a small network can follow. `tools.site.single_loss` trains the student instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

import zerokd
from tools.site.libraries import SAFE_KEYS
from tools.site.single_loss import WEBP_QUALITY, draw_sheet
from tools.site.site import LOSS_PICTURES, find_first_party_entries
from zerokd.data.dead_leaves import DeadLeaves
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.loading import load_component
from zerokd.training.batches import to_float_batch

SIDE, SCENE, SEED = 64, 21, 7  # pixels; a generated scene
STEPS, LEARNING_RATE = 80, 0.03  # of Adam, on pixels in [0, 1]
NOISE = 0.04  # standard deviation that is added to the dark photo
NO_PICTURE = ("critic(", ".parameters")  # ports that take no image


@lru_cache
def make_scene(side: int = SIDE) -> tuple[Tensor, Tensor]:
    """A dark noisy photo (1, 3, H, W) and the bundled student's output for it, without the noise."""
    dark = to_float_batch([DeadLeaves(count=SCENE + 1, size=side, seed=SEED)[SCENE]], torch.device("cpu"))
    grain = torch.randn(dark.shape, generator=torch.Generator().manual_seed(SEED))
    return (dark + NOISE * grain).clamp(0, 1), zerokd.load()(dark).detach()


def can_be_shown(component: Any) -> bool:
    """Whether every port takes something like an image, and not all of them the same trained pixels."""
    if len(component.ports) > 1 and all(port.grad for port in component.ports.values()):
        return False
    return not any(part in (port.default or "") for port in component.ports.values() for part in NO_PICTURE)


def find_options(component: Any) -> dict[str, Any]:
    """The first example of a config, with the keys that keep gradients finite."""
    example: Mapping[str, Any] = next(iter(component.examples), {})
    safe = {name: value for name, value in SAFE_KEYS.items() if name in component.Config.model_fields}
    return {**example, **safe}


def train_pixels(component: Any) -> tuple[Tensor, Tensor, Tensor] | None:
    """The dark photo, its pixels after training on the loss alone, and the target; None if they become NaN."""
    loss = component(**find_options(component))
    side = max(SIDE, loss.min_size())
    dark, target = make_scene(side)
    pixels = dark.clone().requires_grad_()
    fixed = {name: dark if port.default == "low" else target for name, port in loss.ports.items() if not port.grad}
    trained = [name for name, port in loss.ports.items() if port.grad]
    optimizer = torch.optim.Adam([pixels], LEARNING_RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(**fixed, **dict.fromkeys(trained, pixels)).sum().backward()
        optimizer.step()
        with torch.no_grad():
            pixels.clamp_(0, 1)
    shown = tuple(interpolate(image.detach(), (SIDE, SIDE), mode="area") for image in (dark, pixels, target))
    return shown if pixels.isfinite().all() else None  # type: ignore[return-value]


def draw_loss(entry: CatalogueEntry) -> Image.Image | None:
    """The dark photo and its trained pixels, side by side; None for a loss that trains no image."""
    component: Any = load_component(entry)
    if not can_be_shown(component):
        return None
    with warnings.catch_warnings(action="ignore"):  # a library's own
        columns = train_pixels(component)
    return draw_sheet(columns[:2]) if columns else None


@click.command()
@click.argument("names", nargs=-1)
@click.option("--root", default=".", type=click.Path(exists=True, path_type=Path), help="The project's root folder.")
def main(names: tuple[str, ...], root: Path) -> None:
    """Draw the pictures of the losses NAMES; without NAMES, of all losses, and of the target."""
    torch.set_num_threads(1)
    (root / LOSS_PICTURES).mkdir(parents=True, exist_ok=True)
    draw_sheet(make_scene()).save(root / LOSS_PICTURES / "scene.webp", quality=WEBP_QUALITY, method=6)
    for entry in find_first_party_entries(root):
        if entry.spec.kind == "losses" and (not names or entry.spec.name in names):
            picture = draw_loss(entry)
            if picture is not None:
                picture.save(root / LOSS_PICTURES / f"{entry.spec.name}.webp", quality=WEBP_QUALITY, method=6)
            click.echo(f"{entry.spec.name}: {'drawn' if picture is not None else 'no image to show'}")


if __name__ == "__main__":
    main()
