"""Keys of a config, read from its pydantic model."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter

from zerokd import Config
from zerokd.plugin.config_keys import format_interval, list_config_keys
from zerokd.plugin.discovery import discover_plugins

Share = Annotated[float, Field(gt=0.0, le=1.0)]


class Inner(Config):
    size: int = 3


class Sample(Config):
    """Bounds, types and defaults of every sort."""

    start: Share = Field(alias="from", description="where it starts")
    count: int = Field(3, ge=1, lt=10)
    name: str = Field(min_length=1, pattern="^a", examples=["abc"])
    free: float = 0.0
    low: float = Field(1.0, gt=2.0)
    flag: bool
    mode: Literal["soft", "hard"] = "soft"
    one: Literal["only"] | None = None
    pair: tuple[Share, Share] = (0.5, 1.0)
    mixed: tuple[int, str]
    many: tuple[Share, ...] = Field((), min_length=2)
    either: int | str
    maybe: float | None = Field(None, ge=0.0)
    table: Inner = Inner()
    named: dict[str, float] = {}
    anything: Any = None


EXPECTED = {  # type, bounds, default; "!": required, and then an example
    "from": ("number", "(0, 1]", "!", 1),
    "count": ("integer", "[1, 10)", 3, 3),
    "name": ("string", "length >= 1, matches ^a", "!", "abc"),
    "free": ("number", "", 0.0, 0.0),
    "low": ("number", "(2, inf)", 1.0, 1.0),
    "flag": ("boolean", "", "!", True),
    "mode": ('"soft" or "hard"', "", "soft", "soft"),
    "one": ('"only"', "", None, None),
    "pair": ("[number, number]", "(0, 1]", [0.5, 1.0], [0.5, 1.0]),
    "mixed": ("[integer, string]", "", "!", [1, "..."]),
    "many": ("[number, ...]", "length >= 2, (0, 1]", [], []),
    "either": ("integer or string", "", "!", 1),
    "maybe": ("number", "[0, inf)", None, None),
    "table": ("table", "", {"size": 3}, {"size": 3}),
    "named": ("table", "", {}, {}),
    "anything": ("any", "", None, None),
}


def test_every_key_is_told_as_it_is_written():
    keys = {key.key: key for key in list_config_keys(Sample)}
    assert list(keys) == list(EXPECTED)
    for name, (kind, bounds, default, example) in EXPECTED.items():
        key = keys[name]
        assert (name, key.type, key.bounds, key.required) == (name, kind, bounds, default == "!")
        assert key.required or key.default == default
        assert key.example == example
    assert keys["from"].description == "where it starts"


@pytest.mark.parametrize(
    "expected",
    [
        Annotated[int, Field(ge=5)],
        Annotated[int, Field(gt=5)],
        Annotated[int, Field(le=-5)],
        Annotated[float, Field(gt=0.0)],
        Annotated[float, Field(ge=0.0, le=0.5)],
        Annotated[float, Field(gt=0.0, lt=1.0)],
        Annotated[float, Field(gt=-3.0, lt=-1.0)],
        bool,
        str,
        Literal["a", "b"],
        list[int],
        Annotated[list[Share], Field(min_length=3)],
        dict[str, int],
        int | None,
    ],
)
def test_an_example_is_valid(expected):
    config = type("Sample", (Config,), {"__annotations__": {"key": expected}})
    (key,) = list_config_keys(config)
    assert key.required
    assert TypeAdapter(expected).validate_python(key.example, strict=True) == key.example


@pytest.mark.parametrize(
    ("bounds", "text"),
    [((None, None), ""), ((0.0, None), "[0, inf)"), ((None, 1.0), "(-inf, 1]"), ((-1.0, 0.5), "[-1, 0.5]")],
)
def test_intervals(bounds, text):
    assert format_interval(*bounds) == text


@pytest.mark.parametrize("entry", discover_plugins().entries, ids=lambda entry: entry.qualified_name)
def test_every_key_of_a_built_in_has_a_meaning_a_type_and_a_default_or_example(entry):
    config = entry.spec.load().Config
    keys = list_config_keys(config)
    assert [key.key for key in keys] == [field.alias or name for name, field in config.model_fields.items()]
    for key in keys:
        assert key.description
        assert key.type != "any"
    config(**{key.key: key.example for key in keys if key.required})
