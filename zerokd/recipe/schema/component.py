"""Tables that name a component, and numbers that may follow a schedule."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Discriminator, Field, Tag

from zerokd.plugin.config import Config


class ComponentConfig(Config):
    """A component by name. Keys that the recipe does not define are its config, which the component checks.

    ``kind`` is the kind of component that the table names.
    """

    model_config = ConfigDict(extra="allow")
    kind: ClassVar[str]

    use: str = Field(description="name of the component, or distribution:name")

    @property
    def options(self) -> dict[str, Any]:
        """The config of the component, not validated yet."""
        return dict(self.model_extra or {})


class ScheduleConfig(ComponentConfig):
    """A number that changes during a stage."""

    kind = "schedules"


class DerivedParamConfig(Config):
    """A param computed from others."""

    equals: str = Field(description="an expression over other params, such as 1 - alpha - beta")


def _number_tag(value: Any) -> str:
    if isinstance(value, DerivedParamConfig) or (isinstance(value, dict) and "equals" in value):
        return "<derived>"
    return "<schedule>" if isinstance(value, dict | ScheduleConfig) else "<number>"


TaggedSchedule = Annotated[ScheduleConfig, Tag("<schedule>")]
WeightConfig = Annotated[Annotated[float, Field(ge=0.0), Tag("<number>")] | TaggedSchedule, Discriminator(_number_tag)]
ParamConfig = Annotated[
    Annotated[float, Tag("<number>")] | TaggedSchedule | Annotated[DerivedParamConfig, Tag("<derived>")],
    Discriminator(_number_tag),
]
