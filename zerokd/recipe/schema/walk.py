"""The one way through pydantic records: their fields by recipe key, their nested types, their nested values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from zerokd.errors import KeyPath


def fields_by_key(record: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a record type by their keys in a recipe."""
    return {field.alias or name: field for name, field in record.model_fields.items()}


def fields_at_path(record: type[BaseModel], path: KeyPath) -> Mapping[str | int, FieldInfo]:
    """The fields, by key, of the records at ``path`` below a record type; empty if none are there."""
    types: list[Any] = [record]
    for key in path:
        types = [inner for outer in types for inner in _inner_types(outer, key)]
    return {key: field for inner in types if _is_record(inner) for key, field in fields_by_key(inner).items()}


def nested_record_types(record: type[BaseModel]) -> list[type[BaseModel]]:
    """A record type and all record types that its fields hold, at any depth, each once."""
    records, pending = {record: None}, [record]
    while pending:
        for field in pending.pop(0).model_fields.values():
            inner_records = [inner for inner in _record_types(field.annotation) if inner not in records]
            records |= dict.fromkeys(inner_records)
            pending += inner_records
    return list(records)


def walk_records(node: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, BaseModel]]:
    """Every record in a value, with its path; a record comes before those inside it."""
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(node, BaseModel):
        yield path, node
        items = ((field.alias or name, getattr(node, name)) for name, field in type(node).model_fields.items())
    elif isinstance(node, dict):
        items = node.items()
    elif isinstance(node, tuple):
        items = enumerate(node)
    for key, value in items:
        yield from walk_records(value, (*path, key))


def _inner_types(outer: Any, key: str | int) -> Iterator[Any]:
    """The types of the value at ``key`` of a record, dict or tuple type."""
    if _is_record(outer):
        fields = fields_by_key(outer)
        yield from _union_members(fields[str(key)].annotation) if key in fields else ()
    elif arguments := [argument for argument in get_args(outer) if argument is not ...]:
        yield from _union_members(arguments[-1])


def _record_types(annotation: Any) -> Iterator[type[BaseModel]]:
    for member in _union_members(annotation):
        if _is_record(member):
            yield member
        else:
            for argument in get_args(member):
                yield from _record_types(argument)


def _union_members(annotation: Any) -> Iterator[Any]:
    """The members of a union, or the type itself, without ``Annotated``."""
    if get_origin(annotation) is Annotated:
        yield from _union_members(annotation.__origin__)
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _union_members(member)
    else:
        yield annotation


def _is_record(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
