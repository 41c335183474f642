"""What a run draws: samples side by side, and the curves of its objective."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

SHEET_GAP, CAPTION_HEIGHT = 6, 22  # pixels
MIN_SAMPLE_SIZE = (
    160  # sample images are enlarged to this many pixels a side, without smoothing, to be worth looking at
)
LAYOUT_KEY = "zerokd"  # the text chunk in which a sheet says how it is laid out
TEXT_COLOR, BACKGROUND_COLOR = (40, 40, 40), (255, 255, 255)


def draw_samples(path: Path, columns: Mapping[str, Tensor]) -> None:
    """One row an image, one captioned column a batch (N, 3, H, W) in [0, 1]; :func:`read_samples` takes it apart."""
    batches = {caption: _to_pixels(batch) for caption, batch in columns.items()}
    rows, height, width = next(iter(batches.values())).shape[:3]
    times = max(1, -(-MIN_SAMPLE_SIZE // min(height, width)))
    height, width = height * times, width * times
    size = (len(batches) * (width + SHEET_GAP) + SHEET_GAP, CAPTION_HEIGHT + rows * (height + SHEET_GAP))
    sheet = Image.new("RGB", size, BACKGROUND_COLOR)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, (caption, batch) in enumerate(batches.items()):
        left = SHEET_GAP + column * (width + SHEET_GAP)
        draw.text((left, 3), caption, fill=TEXT_COLOR, font=font)
        for row, pixels in enumerate(batch):
            image = Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(image, (left, CAPTION_HEIGHT + row * (height + SHEET_GAP)))
    layout = {"captions": list(batches), "rows": rows, "times": times, "size": [width, height]}
    facts = PngInfo()
    facts.add_text(LAYOUT_KEY, json.dumps(layout))
    sheet.save(path, pnginfo=facts)


def read_samples(path: Path) -> dict[str, list[Image.Image]]:
    """The images of a sheet by caption, as large as they were drawn from.

    Raises:
        ValueError: it is no sheet of :func:`draw_samples`.
        OSError: it cannot be read.
    """
    with Image.open(path, formats=("PNG",)) as sheet:
        try:
            layout = json.loads(sheet.text[LAYOUT_KEY])  # type: ignore[attr-defined]
            (width, height), times = layout["size"], layout["times"]
            captions, rows = [str(one) for one in layout["captions"]], range(int(layout["rows"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"{str(path)!r} has no layout of samples in it") from error
        found = {}
        for column, caption in enumerate(captions):
            left = SHEET_GAP + column * (width + SHEET_GAP)
            tops = [CAPTION_HEIGHT + row * (height + SHEET_GAP) for row in rows]
            tiles = [sheet.crop((left, top, left + width, top + height)) for top in tops]
            found[caption] = [
                tile.resize((width // times, height // times), Image.Resampling.NEAREST) for tile in tiles
            ]
        return found


def draw_curves(path: Path, metrics: Path, title: str) -> None:
    """Every term's contribution over the epochs of each stage, from the run's metrics file."""
    from matplotlib.figure import Figure  # takes half a second; only a run that ends needs it

    stages: dict[str, list[dict[str, Any]]] = {}
    for line in metrics.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["kind"] == "epoch":
            stages.setdefault(entry["stage"], []).append(entry)
    figure = Figure(figsize=(max(6.4, 6.0 * len(stages)), 4.6), layout="constrained")
    figure.suptitle(title)
    for axes, (stage, epochs) in zip(figure.subplots(1, len(stages), squeeze=False)[0], stages.items(), strict=True):
        x = [entry["epoch"] + 1 for entry in epochs]
        marker = "o" if len(x) == 1 else None
        axes.plot(x, [entry["total"] for entry in epochs], color="black", linewidth=2, label="objective", marker=marker)
        shown = [label for label in epochs[0]["terms"] if any(entry["terms"][label]["weight"] > 0 for entry in epochs)]
        for number, label in enumerate(shown):
            y = [entry["terms"][label]["contribution"] for entry in epochs]
            axes.plot(
                x, y, color=f"C{number % 10}", linestyle=("-", "--", ":")[number // 10 % 3], label=label, marker=marker
            )
        axes.set(title=stage, xlabel="epoch", ylabel="contribution to the objective", yscale="log")
        axes.grid(alpha=0.25)
        axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.savefig(path, dpi=130)


def _to_pixels(batch: Tensor) -> np.ndarray:
    return (batch.detach().cpu().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
