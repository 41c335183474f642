"""What a run may do to be fast; nothing here but ``autocast`` and ``tf32`` changes what is trained, beyond the last
bits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from zerokd.plugin.config import Config


class SpeedConfig(Config):
    """Memory and machine code for time."""

    cache: Literal["auto", "disk", "off"] = Field(
        "auto",
        description="keep what is frozen for images that come again: in memory, or on disk for other runs too; or "
        "compute it at each step",
    )
    cache_gib: float = Field(4.0, ge=0.0, le=4096.0, description="memory, or disk, for that, GiB")
    images_at_once: int | None = Field(
        None, ge=1, description="images of a batch computed together; by default what suits the device"
    )
    autocast: Literal["off", "bfloat16", "float16"] = Field(
        "off", description="numbers that the student's layers compute with in training; losses stay float32"
    )
    tf32: bool = Field(
        False, description="let a GPU's convolutions round what they multiply to 10 bits, as PyTorch does by default"
    )
    compile: Literal["off", "try", "on"] = Field(
        "off", description='make machine code of each stage first; "try" goes on without where that fails'
    )
    replay: bool = Field(
        True, description="on a GPU: launch a step's kernels as a whole, as recorded once (CUDA graph)"
    )

    @property
    def cache_bytes(self) -> int:
        """Bytes for what is kept."""
        return 0 if self.cache == "off" else int(self.cache_gib * 2**30)
