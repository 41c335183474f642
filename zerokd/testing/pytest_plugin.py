"""Checks of installed plugins as pytest items, without a test file.

``pytest -p zerokd.testing.pytest_plugin --conformance NAME``, where NAME is a distribution or a component.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zerokd.errors import ZerokdError
from zerokd.testing.check import Check, CheckError
from zerokd.testing.collection import collect_checks


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--conformance NAME``, which may be repeated."""
    parser.addoption("--conformance", action="append", default=[], metavar="NAME", help="check an installed plugin")


def pytest_collection(session: pytest.Session) -> None:
    """Collect the checks; an unknown name is a usage error."""
    try:
        session.config.stash[CHECKS_KEY] = [
            check for name in session.config.option.conformance for check in collect_checks(name)
        ]
    except ZerokdError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add the checks to the other items."""
    root = ConformanceFile.from_parent(session, name="conformance", path=Path("conformance"))
    items += root.collect()


CHECKS_KEY = pytest.StashKey[list[Check]]()


class ConformanceFile(pytest.File):
    """All requested checks."""

    def collect(self) -> list[Any]:
        return [CheckItem.from_parent(self, name=str(check), check=check) for check in self.config.stash[CHECKS_KEY]]


class CheckItem(pytest.Item):
    """One check."""

    def __init__(self, *, check: Check, **kwargs: Any):
        super().__init__(**kwargs)
        self.check = check

    def runtest(self) -> None:
        self.check()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return str(excinfo.value) if excinfo.errisinstance(CheckError) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, str(self.check)
