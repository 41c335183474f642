"""Records of the declared types are read; everything else is refused with a ValueError, whatever the text is."""

import json
import random
from typing import Annotated, Any, NotRequired

import pytest
from pydantic import Field
from typing_extensions import TypedDict

from zerokd.files.record import MAX_DEPTH, check_record, parse_json, parse_record


class Inner(TypedDict):
    number: float
    text: NotRequired[Any]


class Outer(TypedDict):
    name: str
    items: list[Inner]
    count: NotRequired[Annotated[int, Field(ge=1)]]


VALID = {"name": "a", "items": [{"number": 1, "text": "\udcff"}, {"number": 0.5}], "other": [None]}
# each is refused, wherever it is
REFUSED_TEXTS = {
    "empty": b"",
    "cut": b'{"name": "a"',
    "no UTF-8": b'{"name": "\xff", "items": []}',
    "deep": b'{"name": "a", "items": [], "x": ' + b"[" * 300 + b"]" * 300 + b"}",
    "very deep": b"[" * 200_000,
    "deep objects": b'{"a":' * 200_000,
    "many digits": b'{"name": "a", "items": [], "x": ' + b"9" * 400 + b"}",
    "too many digits for Python": b'{"name": "a", "items": [], "x": ' + b"9" * 9000 + b"}",
    "a large exponent": b'{"name": "a", "items": [], "x": 1e400}',
    "NUL": b"\0" * 99,
    "a list": b"[]",
    "a number": b"5",
    "null": b"null",
}
REFUSED_VALUES = [
    ({"name": 5, "items": []}, "name: input should be a valid string"),
    ({"name": "a", "items": {}}, "items: input should be a valid list"),
    ({"name": "a", "items": [{"number": "1"}]}, "items.0.number: input should be a valid number"),
    ({"name": "a", "items": [{"number": True}]}, "items.0.number: input should be a valid number"),
    ({"name": "a", "items": [{}]}, "items.0.number: field required"),
    ({"items": []}, "name: field required"),
    ({"name": "a", "items": [], "count": 0}, "count: input should be greater than or equal to 1"),
    ({"name": "a", "items": [], "count": 1.5}, "count: input should be a valid integer"),
]


def test_the_value_is_returned_with_all_its_keys():
    assert parse_record(Outer, json.dumps(VALID)) == VALID
    assert check_record(Outer, VALID) is VALID


@pytest.mark.parametrize("text", REFUSED_TEXTS.values(), ids=REFUSED_TEXTS)
def test_other_text_is_refused(text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - each has a message of its own
        parse_record(Outer, text)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(("value", "message"), REFUSED_VALUES)
def test_other_types_are_refused_with_their_place(value, message):
    with pytest.raises(ValueError, match=message):
        parse_record(Outer, json.dumps(value))


def test_the_depth_is_exact():
    for depth, is_refused in ((MAX_DEPTH, False), (MAX_DEPTH + 1, True)):
        text = "[" * depth + "]" * depth
        if is_refused:
            with pytest.raises(ValueError, match="nested deeper than 64 levels"):
                parse_json(text)
        else:
            assert json.dumps(parse_json(text)) == text
    assert len(parse_json("[" + ",".join(["[]"] * 999) + "]")) == 999  # wide is not deep


def test_numbers_are_those_of_python():
    assert parse_json("[1, -2.5e3, 9007199254740993, 1e-400]") == [1, -2500.0, 2**53 + 1, 0.0]
    values = parse_json("[NaN, Infinity, -Infinity]")
    assert values[0] != values[0]
    assert values[1:] == [float("inf"), -float("inf")]


def test_no_mutation_of_a_text_raises_anything_else():
    draw, text = random.Random(5), json.dumps(VALID).encode()
    for _ in range(2000):
        mutated = bytearray(text)
        for _ in range(draw.randint(1, 4)):
            position = draw.randrange(len(mutated))
            mutated[position : position + draw.randint(0, 3)] = draw.randbytes(draw.randint(0, 3))
        try:
            value = parse_record(Outer, bytes(mutated))
        except ValueError:
            continue
        assert isinstance(value["name"], str)
        assert all(isinstance(item["number"], int | float) for item in value["items"])
