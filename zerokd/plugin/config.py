"""The base of every validated config, of components and of recipes."""

from __future__ import annotations

from typing import Any, get_origin

from pydantic import BaseModel, ConfigDict, field_validator


class Config(BaseModel):
    """A config with strict types, known keys and finite numbers only; immutable."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_by_name=True,  # an alias is for keys that are not Python names, such as ``from``
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _convert_list_to_tuple(cls, value: Any, info: Any) -> Any:
        """Accept a TOML array for a tuple; every other type stays strict."""
        annotation = cls.model_fields[info.field_name].annotation
        return tuple(value) if isinstance(value, list) and get_origin(annotation) is tuple else value
