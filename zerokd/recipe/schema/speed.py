"""The ``[speed]`` table. Only ``autocast`` and ``tf32`` change a trained student beyond its last bits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from zerokd.plugin.config import Config


class SpeedConfig(Config):
    """How a run trades memory and compilation for time."""

    cache: Literal["auto", "disk", "off"] = Field(
        "auto",
        description="cache outputs of frozen models by image: in memory, or on disk for later runs too; off computes "
        "them at each step",
    )
    cache_gib: float = Field(4.0, ge=0.0, le=4096.0, description="largest size of that cache, GiB")
    images_at_once: int | None = Field(
        None, ge=1, description="images in a micro batch; by default a number that suits the device"
    )
    autocast: Literal["off", "bfloat16", "float16"] = Field(
        "off", description="data type of the student's layers in training; losses stay float32"
    )
    tf32: bool = Field(
        False, description="let a GPU's convolutions round their factors to 10 bits, as PyTorch does by default"
    )
    compile: Literal["off", "try", "on"] = Field(
        "off", description='compile each stage first; "try" trains without where that fails'
    )
    replay: bool = Field(
        True, description="on a GPU: record the kernels of a step once and launch them together (CUDA graph)"
    )

    @property
    def cache_bytes(self) -> int:
        """The largest size of the cache of frozen outputs, in bytes."""
        return 0 if self.cache == "off" else int(self.cache_gib * 2**30)
