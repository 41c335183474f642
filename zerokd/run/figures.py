"""Figures of a run folder: sample images side by side, and curves of the terms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from pydantic import Field
from torch import Tensor
from typing_extensions import TypedDict

from zerokd.chart import Line, Panel, draw_chart_file, insert_gaps
from zerokd.files.atomic import replacing, write_bytes
from zerokd.files.record import parse_record
from zerokd.training.log_records import read_log_lines

SHEET_GAP, CAPTION_HEIGHT = 6, 22  # pixels
MIN_SAMPLE_SIZE = 160  # pixels a side; smaller images are enlarged without smoothing
LAYOUT_KEY = "zerokd"  # the PNG text chunk that holds a sheet's layout
TEXT_COLOR, BACKGROUND_COLOR = (40, 40, 40), (255, 255, 255)


class SampleLayout(TypedDict):
    """The layout of a sheet; ``size`` is that of an image in it, (width, height), ``times`` its enlargement."""

    captions: list[str]
    rows: Annotated[int, Field(ge=0)]
    times: Annotated[int, Field(ge=1)]
    size: Annotated[list[int], Field(min_length=2, max_length=2)]


def draw_samples(path: Path, columns: Mapping[str, Tensor]) -> None:
    """Write a sheet with one row an image and one captioned column a batch (N, C, H, W) in [0, 1]. Images of
    another size than the first ones are scaled to theirs.

    :func:`read_samples` reads it back.

    Raises:
        OSError: it cannot be written; an existing file is intact.
    """
    batches = {caption: _to_pixels(batch) for caption, batch in columns.items()}
    rows, height, width = next(iter(batches.values())).shape[:3]
    scale = max(1, -(-MIN_SAMPLE_SIZE // min(height, width)))
    height, width = height * scale, width * scale
    sheet = Image.new("RGB", _sheet_size(len(batches), rows, height, width), BACKGROUND_COLOR)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, (caption, batch) in enumerate(batches.items()):
        left = SHEET_GAP + column * (width + SHEET_GAP)
        draw.text((left, 3), caption, fill=TEXT_COLOR, font=font)
        for row, pixels in enumerate(batch):
            image = Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(image, (left, CAPTION_HEIGHT + row * (height + SHEET_GAP)))
    layout: SampleLayout = {"captions": list(batches), "rows": rows, "times": scale, "size": [width, height]}
    metadata = PngInfo()
    metadata.add_text(LAYOUT_KEY, json.dumps(layout))
    with replacing(path) as (temporary,):
        sheet.save(temporary, "PNG", pnginfo=metadata)


def read_samples(path: Path) -> dict[str, list[Image.Image]]:
    """The images of a sheet by caption, at their original size.

    Raises:
        ValueError: it is not a sheet of :func:`draw_samples`.
        OSError: it cannot be read.
    """
    with Image.open(path, formats=("PNG",)) as sheet:
        try:
            layout = parse_record(SampleLayout, sheet.text[LAYOUT_KEY])  # type: ignore[attr-defined]
            (width, height), scale = layout["size"], layout["times"]
            captions, rows = layout["captions"], range(layout["rows"])
            if sheet.size != _sheet_size(len(captions), len(rows), height, width):
                raise ValueError(f"{str(path)!r} is not of the size of its layout")
        except KeyError as error:
            raise ValueError(f"{str(path)!r} has no sample layout") from error
        images = {}
        for column, caption in enumerate(captions):
            left = SHEET_GAP + column * (width + SHEET_GAP)
            tops = [CAPTION_HEIGHT + row * (height + SHEET_GAP) for row in rows]
            tiles = [sheet.crop((left, top, left + width, top + height)) for top in tops]
            size = width // scale, height // scale
            images[caption] = [tile.resize(size, Image.Resampling.NEAREST) for tile in tiles]
        return images


def _sheet_size(columns: int, rows: int, height: int, width: int) -> tuple[int, int]:
    return columns * (width + SHEET_GAP) + SHEET_GAP, CAPTION_HEIGHT + rows * (height + SHEET_GAP)


def draw_curves(path: Path, metrics: Path) -> None:
    """Write an SVG chart for each stage: every term's contribution over the epochs, from the run's metrics file.

    Raises:
        RunFolderError: the metrics cannot be read.
        OSError: the chart cannot be written; an existing file is intact.
    """
    stages: dict[str, list[dict[str, Any]]] = {}
    for record in read_log_lines(metrics):
        if record["kind"] == "epoch":
            stages.setdefault(record["stage"], []).append(record)
    panels = [panel for stage, epochs in stages.items() for panel in _build_stage_panels(stage, epochs)]
    write_bytes(path, draw_chart_file(panels).encode())


def _build_stage_panels(stage: str, epochs: Sequence[Mapping[str, Any]]) -> Iterator[Panel]:
    trained = [label for label in epochs[0]["terms"] if any(epoch["terms"][label]["weight"] > 0 for epoch in epochs)]
    lines = build_contribution_lines(epochs, assign_colours(trained))
    yield Panel(f"{stage}: contribution of each term to the objective", lines, "epoch", "contribution", log=True)
    monitored = build_monitored_lines(epochs)
    if monitored:
        yield Panel(f"{stage}: value of each monitored term", monitored, "epoch", "value")


def build_monitored_lines(epochs: Sequence[Mapping[str, Any]]) -> list[Line]:
    """The values of the terms that do not train, over the epochs."""
    terms = epochs[0]["terms"] if epochs else {}
    labels = [label for label, numbers in terms.items() if numbers.get("monitored")]
    return build_term_lines(epochs, "value", "epoch", assign_colours(labels))


def assign_colours(labels: Iterable[str]) -> dict[str, int]:
    """A colour for each term; the first one is left for the objective."""
    return {label: colour for colour, label in enumerate(labels, 1)}


def build_contribution_lines(epochs: Sequence[Mapping[str, Any]], colours: Mapping[str, int]) -> list[Line]:
    """The objective and the contribution of each term over the epochs, from the records of metrics.jsonl."""
    total = Line("objective", [epoch["epoch"] + 1 for epoch in epochs], [epoch["total"] for epoch in epochs])
    return [total, *build_term_lines(epochs, "contribution", "epoch", colours)]


def build_term_lines(
    records: Sequence[Mapping[str, Any]], key: str, x_key: str, colours: Mapping[str, int]
) -> list[Line]:
    """A number of each term over epochs or steps, the largest first, with gaps where a term was not computed."""
    offset = 1 if x_key == "epoch" else 0  # epochs count from 1 in charts
    lines = []
    for label, colour in colours.items():
        computed = [record for record in records if (record["terms"].get(label) or {}).get(key) is not None]
        if computed:
            xs = [record[x_key] + offset for record in computed]
            lines.append(Line(label, *insert_gaps(xs, [record["terms"][label][key] for record in computed]), colour))
    return sorted(lines, key=lambda line: -max(abs(y or 0) for y in line.ys))


def _to_pixels(batch: Tensor) -> np.ndarray:
    """Images (N, C, H, W) as RGB, (N, H, W, 3): three channels, or one that is grey; of others the first ones."""
    batch = batch[:, :3] if batch.shape[1] >= 3 else batch[:, :1].expand(-1, 3, -1, -1)
    return (batch.detach().cpu().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
