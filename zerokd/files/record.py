"""Records in JSON, read without trust: whatever the file holds, the result has the declared types or is refused.

Python's parser takes nesting, numbers and types that fail much later, in another place.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from zerokd.errors import escape_unprintable

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_DEPTH = 64  # of nested arrays and objects; what zerokd writes has fewer than 12
MAX_INTEGER_DIGITS = 40
MAX_REASON_LENGTH = 160
Record = TypeVar("Record")


def parse_json(text: bytes | str) -> Any:
    """The value of JSON text in UTF-8. NaN and infinity are allowed, as Python writes them.

    Raises:
        ValueError: it is no JSON, nests more than 64 levels, or has a number that a float cannot hold.
    """
    text = text.decode("utf-8") if isinstance(text, bytes) else text
    try:
        value = json.loads(text, parse_int=_parse_integer, parse_float=_parse_float)
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from None
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    return value


def parse_record(record_type: type[Record], text: bytes | str) -> Record:
    """The value of JSON text, with the types of a ``TypedDict`` of ``typing_extensions``; other keys may have any.

    Raises:
        ValueError: as :func:`parse_json`, or a key is missing or has a value of another type.
    """
    return check_record(record_type, parse_json(text))


def check_record(record_type: type[Record], value: Any) -> Record:
    """The value itself, if it has the types of ``record_type``.

    Raises:
        ValueError: it has not; the message names the first place.
    """
    from pydantic import ValidationError  # what enhances photos does without it

    try:
        _adapter(cast(Hashable, record_type)).validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = escape_unprintable(".".join(map(str, first["loc"])) or "the record")
        raise ValueError(f"{place[:MAX_REASON_LENGTH]}: {first['msg'].lower()[:MAX_REASON_LENGTH]}") from None
    return cast(Record, value)


@cache
def _adapter(record_type: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(record_type)


def _check_depth(value: Any) -> None:
    """Refuse deep nesting, without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        items = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        if not items:
            return
        level = [item for group in items for item in group]
    raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def _parse_integer(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _parse_float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), -float("inf")):
        raise ValueError(f"the number {text[:20]} is too large")
    return number
