"""The optimizer of a stage, as a recipe describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from zerokd.plugin.config import Config
from zerokd.recipe.schema.component import ComponentConfig, ScheduleConfig

DEFAULT_FINAL_LEARNING_RATE = 1e-7


class ParameterGroupConfig(Config):
    """Parameters that the optimizer treats in another way, selected by name."""

    match: str = Field(min_length=1, description='pattern of parameter names: "*.bias", "e_conv1.*"')
    learning_rate_factor: float = Field(1.0, ge=0.0, le=1e6, description="multiplies the learning rate; 0 freezes")
    weight_decay: float | None = Field(None, ge=0.0, description="takes the place of the optimizer's weight_decay")


def _tag_learning_rate(value: Any) -> str:
    return "<schedule>" if isinstance(value, dict | ScheduleConfig) else "<number>"


def _tag_clip_norm(value: Any) -> str:
    return "<off>" if isinstance(value, str) else "<number>"


LearningRateConfig = Annotated[
    Annotated[float, Field(gt=0.0, le=100.0), Tag("<number>")] | Annotated[ScheduleConfig, Tag("<schedule>")],
    Discriminator(_tag_learning_rate),
]
ClipNormConfig = Annotated[
    Annotated[float, Field(gt=0.0, le=1e6), Tag("<number>")] | Annotated[Literal["off"], Tag("<off>")],
    Discriminator(_tag_clip_norm),
]


class OptimizerConfig(ComponentConfig):
    """An optimizer, its learning rate, and the limit of the gradient norm. Its other keys belong to the optimizer."""

    kind = "optimizers"

    use: str = Field("adam", description="name of the optimizer, or distribution:name")
    learning_rate: LearningRateConfig = Field(
        5e-3, description="a number, at the stage's first step, from which a cosine falls; or a schedule"
    )
    final_learning_rate: float | None = Field(
        None, ge=0.0, description="at the end of that cosine, by default 1e-07; a schedule has its own end"
    )
    clip_norm: ClipNormConfig = Field(0.1, description='largest norm of the whole gradient; "off" for none')
    groups: tuple[ParameterGroupConfig, ...] = Field(
        (), description="parameters with another weight decay or learning rate; the first pattern that matches counts"
    )

    @model_validator(mode="before")
    @classmethod
    def _end_cosine(cls, table: Any) -> Any:
        """The default belongs to a cosine alone, so a recipe written with all defaults can be read again."""
        if isinstance(table, Mapping) and _tag_learning_rate(table.get("learning_rate")) == "<number>":
            return {"final_learning_rate": DEFAULT_FINAL_LEARNING_RATE, **table}
        return table

    @field_validator("final_learning_rate")
    @classmethod
    def _require_cosine(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and isinstance(info.data.get("learning_rate"), ScheduleConfig):
            raise ValueError("learning_rate is a schedule, which has its own last value")
        return value
