"""Which student leaves a run, as a recipe describes it."""

from __future__ import annotations

from pydantic import Field

from zerokd.plugin.config import Config


class BestConfig(Config):
    """The best student of the last stage, by a metric."""

    metric: str = Field(description="name of a metric of this recipe")
    patience: int = Field(
        0, ge=0, description="measurements in a row without a better value that end the stage; 0: it never ends early"
    )
