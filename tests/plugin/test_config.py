"""Configs are strict about what people write."""

import pytest
from pydantic import Field, ValidationError

from zerokd import Config


class Sample(Config):
    level: float = Field(0.5, ge=0, le=1)
    range: tuple[float, float] = (0.0, 1.0)
    names: tuple[str, ...] = ()
    count: int = 1


def test_arrays_of_toml_become_tuples():
    sample = Sample(range=[0.5, 1], names=["a", "b"])
    assert sample.range == (0.5, 1.0)
    assert sample.names == ("a", "b")


@pytest.mark.parametrize(
    "options",
    [
        {"level": True},
        {"level": "0.5"},
        {"level": float("nan")},
        {"level": float("inf")},
        {"level": 1.5},
        {"count": 1.0},
        {"count": True},
        {"range": [1.0]},
        {"range": [True, 2.0]},
        {"range": [float("inf"), 2.0]},
        {"names": "ab"},
        {"unknown": 1},
    ],
)
def test_what_is_not_meant_is_refused(options):
    with pytest.raises(ValidationError):
        Sample(**options)


def test_a_config_never_changes():
    with pytest.raises(ValidationError):
        Sample().level = 0.1
