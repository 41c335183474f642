"""The catalogue of losses: what each needs, does alone, and costs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.site.catalogue import FILTER_HTML, component_page_path
from tools.site.markdown import build_page, build_table
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.config_keys import format_interval
from zerokd.plugin.loading import load_component

COSTS_FILE = Path("benchmarks/loss_costs.json")
PICTURES_LINK = "../pictures/losses"  # from the page
PICTURE_SIZE = "width=132 height=64 loading=lazy"  # pixels
HEAD = ("name", "needs", "alone", "rewards", "µs", "× `l1`", "bounds", "by")


def find_needs(component: Any) -> str:
    """What a loss reads by default beside the student and its input: an image to compare with may be either."""
    defaults = {name: port.default or "" for name, port in component.ports.items()}
    if any("reference" in default or default.startswith("critic(") for default in defaults.values()):
        return "reference"  # a critic trains on well-lit photos
    if any(default == "teacher.enhanced" for default in defaults.values()):
        return "teacher or reference"
    return "teacher" if any(name.startswith("teacher") for name in defaults) else "none"


def losses_page(entries: Sequence[CatalogueEntry], root: Path) -> str:
    """All losses in one table; costs and pictures are those that were measured and drawn."""
    losses = [entry for entry in entries if entry.spec.kind == "losses"]
    data = json.loads((root / COSTS_FILE).read_text(encoding="utf-8"))
    rows = [_build_row(entry, data["losses"].get(entry.spec.name), root) for entry in losses]
    needs = [row[1] for row in rows]
    built_in = sum(entry.provider.builtin for entry in losses)
    about = (
        f"{len(losses)} losses: {built_in} built in, the others from separate [packages](packages.md). {needs.count('none')} need no image "
        f"to compare with, {needs.count('teacher or reference')} compare with a teacher's image or with a well-lit photo (`reference`), "
        f"{needs.count('teacher')} read a teacher's features, and {needs.count('reference')} play against a critic, which trains on well-lit photos of other scenes. "
        "`zerokd list losses` includes your own; to add one of a library, run [`zerokd new loss --wrap`](../how_to/wrap_loss.md)."
    )
    scene = f"![The dark, noisy image, and the target]({PICTURES_LINK}/scene.webp){{ {PICTURE_SIZE} }}"
    columns = (
        "*Alone* shows a dark, noisy image and its pixels after 80 steps on this loss and nothing else: what the loss rewards, not what a "
        "small student can follow. Losses that compare have this image's clean, brightened form as their target; `vgg_perceptual` has random "
        "weights here.\n\n"
        f"{scene}\n\n"
        f"*µs* is the processor's time for value and gradient of one image of {data['pixels']} pixels a side, measured by "
        f"`benchmarks/loss_costs.py` on {data['machine']}; features are as large as images there."
    )
    return "---\nhide: [toc]\n---\n\n" + build_page("# Losses", about, columns, FILTER_HTML, build_table(HEAD, rows))


def _build_row(entry: CatalogueEntry, cost: Mapping[str, float] | None, root: Path) -> tuple[str, ...]:
    component: Any = load_component(entry)
    name = entry.spec.name
    picture = f"![Before and after training on {name} alone]({PICTURES_LINK}/{name}.webp){{ {PICTURE_SIZE} }}"
    return (
        f"[{name}](components/{component_page_path(entry)})",
        find_needs(component),
        picture if (root / "docs/pictures/losses" / f"{name}.webp").exists() else "no image",
        entry.spec.summary,
        f"{cost['microseconds']:,.0f}" if cost else "",
        f"{cost['ratio']:.3g}" if cost else "",
        format_interval(*(float(f"{edge:.3g}") for edge in component.bounds)) or "any",
        entry.provider.name,
    )
