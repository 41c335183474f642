"""What people may write: the base of every validated record, of plugins and of recipes alike."""

from __future__ import annotations

from typing import Any, get_origin

from pydantic import BaseModel, ConfigDict, field_validator


class Config(BaseModel):
    """Strict types, no unknown key, finite numbers, immutable."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_by_name=True,  # an alias is for keys that are no Python names, such as ``from``
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _convert_list_to_tuple(cls, value: Any, info: Any) -> Any:
        """TOML has arrays, frozen records have tuples; everything else stays strict."""
        wanted = cls.model_fields[info.field_name].annotation
        return tuple(value) if isinstance(value, list) and get_origin(wanted) is tuple else value
