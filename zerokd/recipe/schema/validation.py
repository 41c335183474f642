"""What pydantic refuses in a table, told in the words of the recipe, each mistake at its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from zerokd.errors import KeyPath, Place, Problem, describe_non_ascii, did_you_mean
from zerokd.recipe.toml.document import Document


def translate_validation_error(
    error: ValidationError, document: Document, base_path: tuple, model: type[BaseModel], extra_keys: Iterable[str] = ()
) -> Iterator[Problem]:
    """What pydantic found wrong with the table at path ``at``; ``also`` are keys of it that are not the model's."""
    told_of = [found["loc"] for found in error.errors(include_url=False)]
    for found in error.errors(include_url=False):
        if found["type"] == "too_short" and any(one[:-1] == found["loc"] for one in told_of):
            continue  # it counts the elements that are left when the wrong ones are gone
        path = base_path + location_to_path(found["loc"])
        kind, dotted = found["type"], ".".join(map(str, path))
        known = fields_at_path(model, path[len(base_path) : -1])
        if kind == "missing":
            owner = path[:-1]
            hints = _description_hint(known.get(path[-1]))
            text = f"{'.'.join(map(str, owner)) or 'the recipe'} lacks the key {path[-1]!r}"
            yield Problem(text, document.key_place(owner), hints + _sibling_hints(document, owner), code="missing-key")
        elif kind == "extra_forbidden":
            hints = did_you_mean(str(path[-1]), [*known, *(extra_keys if len(path) == len(base_path) + 1 else ())])
            yield Problem(f"unknown key {dotted!r}", document.key_place(path), hints, code="unknown-key")
        else:
            told = found["msg"].removeprefix("Value error, ")
            text = f"{dotted}: {told[:1].lower()}{told[1:]}" if dotted else told
            field = known.get(path[-1]) if path else None
            hints = describe_non_ascii(str(path[-1])) if found["loc"][-1:] == ("[key]",) else _description_hint(field)
            yield Problem(
                text + _format_received(found["input"]), _value_place(document, path), hints, code="wrong-value"
            )


def location_to_path(location: Iterable[str | int]) -> KeyPath:
    """Where in a recipe pydantic found something: its own notes are left out."""
    return tuple(part for part in location if not str(part).startswith(("<", "[")))


def _format_received(value: Any) -> str:
    shown = "a table" if isinstance(value, Mapping) else repr(value)
    return f", got {shown if len(shown) <= 60 else shown[:57] + '...'}"


def _description_hint(field: Any) -> tuple[str, ...]:
    return (f"it is: {field.description}",) if field is not None and field.description else ()


def _value_place(document: Document, path: tuple) -> Place:
    return document.value_place(path) if path else document.key_place(())


def _sibling_hints(document: Document, owner: tuple) -> tuple[str, ...]:
    """For a table that only an override has opened: the names that stand beside it."""
    if owner not in document.implicit_tables:
        return ()
    table: Any = document.tables
    for part in owner[:-1]:
        table = table[part]
    known = [name for name in table if (*owner[:-1], name) not in document.implicit_tables]
    return did_you_mean(str(owner[-1]), known)


def fields_at_path(model: Any, path: tuple) -> Mapping[Any, Any]:
    """The fields of the record found by following ``path`` down from ``model``; none where it ends elsewhere."""
    records = [model]
    for part in path:
        inner = [_fields_by_key(record)[part].annotation for record in records if part in _fields_by_key(record)]
        inner += [
            get_args(record)[-1 if get_args(record)[-1] is not ... else 0] for record in records if get_args(record)
        ]
        records = [one for record in inner for one in _unwrap_annotation(record)]
    return {name: field for record in records for name, field in _fields_by_key(record).items()}


def _fields_by_key(record: Any) -> dict[Any, Any]:
    """A record's fields, by the keys that people write."""
    known = record.model_fields.items() if _is_record(record) else ()
    return {field.alias or name: field for name, field in known}


def _unwrap_annotation(annotation: Any) -> Iterator[Any]:
    """An annotation without ``Annotated``, and a union as its members."""
    if hasattr(annotation, "__metadata__"):
        yield from _unwrap_annotation(annotation.__origin__)
    elif type(annotation).__name__ in ("UnionType", "_UnionGenericAlias", "Union"):
        for member in get_args(annotation):
            yield from _unwrap_annotation(member)
    else:
        yield annotation


def _is_record(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
