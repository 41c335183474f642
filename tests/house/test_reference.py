"""Pages written by hand name all that there is of what they are about."""

import inspect
import re

import pytest

from tests.conftest import ROOT
from zerokd import errors

ENVIRONMENT = (ROOT / "docs/reference/environment.md").read_text(encoding="utf-8")
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "zerokd").rglob("*.py"))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bZEROKD_(?!API\b|COMPLETE\b)[A-Z]+\b", SOURCE))))
def test_every_environment_variable_is_told_of(name):
    assert f"| `{name}` |" in ENVIRONMENT


@pytest.mark.parametrize(
    "error_class",
    [error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, errors.ZerokdError)],
)
def test_every_exit_code_is_told_of(error_class):
    assert re.search(rf"^\| (\d+, )*{error_class.exit_code}[ ,]", ENVIRONMENT, re.M)
