"""Translates validation errors of pydantic into problems in the words of the recipe, each at its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from zerokd.errors import KeyPath, Place, Problem, describe_non_ascii, did_you_mean
from zerokd.recipe.schema.walk import fields_at_path
from zerokd.recipe.toml.document import Document


def translate_validation_error(
    error: ValidationError,
    document: Document,
    base_path: KeyPath,
    model: type[BaseModel],
    extra_keys: Iterable[str] = (),
) -> Iterator[Problem]:
    """The problems of the table at ``base_path``; it may have ``extra_keys`` that ``model`` lacks."""
    details = error.errors(include_url=False)
    for detail in details:
        kind, location, message = detail["type"], detail["loc"], detail["msg"]
        if kind == "too_short" and any(other["loc"][:-1] == location for other in details):
            continue  # pydantic counts only valid elements, and has reported the others
        path = base_path + location_to_path(location)
        dotted = ".".join(map(str, path))
        fields = fields_at_path(model, path[len(base_path) : -1])
        if kind == "missing":
            owner = path[:-1]
            hints = _description_hint(path[-1], fields.get(path[-1]))
            text = f"{'.'.join(map(str, owner)) or 'the recipe'} lacks the key {path[-1]!r}"
            yield Problem(text, document.key_place(owner), hints + _sibling_hints(document, owner), code="missing-key")
        elif kind == "extra_forbidden":
            known = [*map(str, fields), *(extra_keys if len(path) == len(base_path) + 1 else ())]
            hints = did_you_mean(str(path[-1]), known)
            yield Problem(f"unknown key {dotted!r}", document.key_place(path), hints, code="unknown-key")
        else:
            reason = message.removeprefix("Value error, ")
            text = f"{dotted}: {reason[:1].lower()}{reason[1:]}" if dotted else reason
            text += _format_received(detail["input"])
            field = fields.get(path[-1]) if path else None
            hints = _description_hint(path[-1], field) if path else ()
            if location[-1:] == ("[key]",):
                hints = describe_non_ascii(str(path[-1]))
            yield Problem(text, _value_place(document, path), hints, code="wrong-value")


def location_to_path(location: Iterable[str | int]) -> KeyPath:
    """The path in a recipe of a location of pydantic, without pydantic's own marks."""
    return tuple(part for part in location if not str(part).startswith(("<", "[")))


def _format_received(value: Any) -> str:
    shown = "a table" if isinstance(value, Mapping) else repr(value)
    return f", got {shown if len(shown) <= 60 else shown[:57] + '...'}"


def _description_hint(key: str | int, field: FieldInfo | None) -> tuple[str, ...]:
    return (f"{key}: {field.description}",) if field is not None and field.description else ()


def _value_place(document: Document, path: KeyPath) -> Place:
    return document.value_place(path) if path else document.key_place(())


def _sibling_hints(document: Document, owner: KeyPath) -> tuple[str, ...]:
    """Hints for a table that only an override created: the names of the tables beside it."""
    if owner not in document.implicit_tables:
        return ()
    table: Any = document.tables
    for part in owner[:-1]:
        table = table[part]
    known = [name for name in table if (*owner[:-1], name) not in document.implicit_tables]
    return did_you_mean(str(owner[-1]), known)
