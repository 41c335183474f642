"""A run as TensorBoard event files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
from PIL import Image
from pydantic import Field
from torch.utils.tensorboard import SummaryWriter

import zerokd
from zerokd import Observer

MANIFEST_KEYS = ("recipe", "seed", "device", "versions", "plugins", "models", "fallbacks", "cautions")


@final
class Tensorboard(Observer):
    """Writes ``observers/tensorboard`` into the run folder: ``tensorboard --logdir runs`` shows all runs together.

    For every stage the objective, each term's raw value and contribution, the learning rate and the gradient's norm;
    each term's measured share of the gradient; equations and provenance as text; sample images at the end. Steps count
    over the whole run.
    """

    class Config(zerokd.Config):
        every: int = Field(1, ge=1, description="write every so many steps of the run")

    writer: SummaryWriter | None = None
    step = 0

    def __init__(self, **options: object):
        super().__init__(**options)
        self.stage_offsets: dict[str, int] = {}  # steps of all earlier stages

    def run_start(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        self.folder = folder
        self.writer = SummaryWriter(str(folder / "observers" / "tensorboard"))
        offset = 0
        for stage in manifest["stages"]:
            self.stage_offsets[stage["name"]] = offset
            offset += stage["steps"]
            self.writer.add_text(f"{stage['name']}/objective", f"`{stage['objective']}`")
        facts = {key: manifest[key] for key in MANIFEST_KEYS if key in manifest}
        self.writer.add_text("manifest", f"```json\n{json.dumps(facts, indent=1)}\n```")

    def step_end(self, step: Mapping[str, Any]) -> None:
        self.step = self.stage_offsets[step["stage"]] + step["step"]
        if self.writer is None or (self.step % self.config.every and "gradients" not in step):
            return
        stage = step["stage"]
        for name in ("total", "learning_rate", "gradient_norm"):
            self._write_scalar(f"{stage}/{name}", step[name])
        for label, term in step["terms"].items():
            self._write_scalar(f"{stage}.value/{label}", term["value"])
            self._write_scalar(f"{stage}.contribution/{label}", term["contribution"])
            if "factor" in term:  # of an aggregator that multiplies the term's gradient
                self._write_scalar(f"{stage}.factor/{label}", term["factor"])
        for label, term in step.get("gradients", {}).get("terms", {}).items():
            self._write_scalar(f"{stage}.gradient_share/{label}", term["share"])

    def run_end(self, result: Mapping[str, Any] | None, error: str | None) -> None:
        if self.writer is None:
            return
        for sample in sorted((self.folder / "samples").glob("*.png")):
            with Image.open(sample) as image:
                self.writer.add_image(
                    f"samples/{sample.stem}", np.asarray(image.convert("RGB")), self.step, dataformats="HWC"
                )
        text = error if error is not None else json.dumps(result, indent=1)
        self.writer.add_text("error" if error is not None else "result", f"```\n{text}\n```", self.step)
        self.writer.close()

    def _write_scalar(self, tag: str, value: float | None) -> None:
        assert self.writer is not None
        self.writer.add_scalar(tag, float("nan") if value is None else value, self.step)
