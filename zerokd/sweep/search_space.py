"""The search space of a sweep: the recipe keys it varies, the values of each, and points of that space."""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from zerokd.errors import Place, Problem, RecipeError, did_you_mean
from zerokd.recipe.build.overrides import set_value
from zerokd.recipe.schema.recipe import Recipe
from zerokd.recipe.toml.document import Document
from zerokd.recipe.toml.format import format_toml_value

MAX_GRID_POINTS = 100_000
Point = Mapping[str, Any]  # a value for each key


@frozen
class Choice:
    """A key and the values to try."""

    key: str
    values: tuple[Any, ...]


@frozen
class NumericRange:
    """A key and a closed interval of numbers to draw from: integers if both ends are integers."""

    key: str
    low: float
    high: float
    log: bool = False

    @property
    def is_integer(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


SearchAxis = Choice | NumericRange


def parse_choice(text: str, document: Document) -> Choice:
    """``KEY=V1,V2,...`` with TOML values; anything that is not TOML is text.

    Raises:
        RecipeError: there is no such key, no value, or a value is listed twice.
    """
    key, values = _split_option(text, "--grid", "--grid alpha=0.3,0.35,0.4", document)
    try:
        parsed = tomllib.loads(f"x = [{values}]")["x"]
    except tomllib.TOMLDecodeError:
        parsed = [part.strip() for part in values.split(",")]
    if len(set(map(format_toml_value, parsed))) < len(parsed):
        raise _setting_error(f"--grid {text}", "a value is listed twice", "zerokd runs each point once")
    return Choice(key, tuple(parsed))


def parse_numeric_range(text: str, document: Document) -> NumericRange:
    """``KEY=LOW:HIGH``, or ``KEY=LOW:HIGH:log`` to draw magnitudes.

    Raises:
        RecipeError: there is no such key, or no such interval.
    """
    example = "--range alpha=0.1:0.5, or learning_rate=1e-4:1e-2:log"
    key, values = _split_option(text, "--range", example, document)
    ends, log = values.removesuffix(":log").split(":"), values.endswith(":log")
    try:
        low, high = (tomllib.loads(f"x = {end}")["x"] for end in ends)
        valid = all(type(end) in (int, float) for end in (low, high)) and low < high and (low > 0 or not log)
    except ValueError:
        valid = False
    if not valid:
        raise _setting_error(f"--range {text}", "expected a range of numbers from low to high", example)
    return NumericRange(key, low, high, log)


def build_grid(choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """Every combination; the last key varies fastest.

    Raises:
        RecipeError: there are more than 100,000, or two choices have one key.
    """
    keys = [choice.key for choice in choices]
    duplicate = next((key for key in keys if keys.count(key) > 1), None)
    if duplicate:
        raise _setting_error(f"--grid {duplicate}", "the key is varied twice", "give all its values to one --grid")
    count = math.prod(len(choice.values) for choice in choices)
    if count > MAX_GRID_POINTS:
        text = f"{count} points, more than {MAX_GRID_POINTS}"
        raise _setting_error("--grid", text, "draw some of them: --random N with --range")
    combinations = itertools.product(*(choice.values for choice in choices))
    return [dict(zip(keys, values, strict=True)) for values in combinations]


def apply_point(document: Document, point: Point) -> Document:
    """The recipe at a point."""
    for key, value in point.items():
        place = Place(f"{key} = {format_toml_value(value)}")
        document = set_value(document, tuple(key.split(".")), value, place)
    return document


def describe_point(point: Point) -> str:
    """A point on one line, params by their bare names."""
    return ", ".join(f"{shorten_key(key)} = {format_toml_value(value)}" for key, value in point.items())


def shorten_key(key: str) -> str:
    """A param by its bare name, any other key in full."""
    return key.removeprefix("params.")


def _split_option(text: str, option: str, example: str, document: Document) -> tuple[str, str]:
    key, equals, values = text.partition("=")
    if not equals or not key.strip() or not values.strip():
        raise _setting_error(f"{option} {text}", "expected a key and its values", f"write {example}")
    return _full_key(key.strip(), f"{option} {text}", document), values.strip()


def _full_key(key: str, argument: str, document: Document) -> str:
    """The dotted key, as ``--set`` takes it, of a param's bare name or of any other key."""
    params = document.tables.get("params", {})
    if key in params:
        return f"params.{key}"
    if "." in key or key in Recipe.model_fields:
        return key
    hint = "write other keys with dots: terms.task.color.weight"
    hints = did_you_mean(key, [*params, *Recipe.model_fields], hint)
    raise RecipeError(Problem(f"the recipe has no param {key!r}", Place(argument), hints, code="setting"))


def _setting_error(argument: str, message: str, hint: str) -> RecipeError:
    return RecipeError(Problem(message, Place(argument), (hint,), code="setting"))
