"""pyiqa's own networks, or what is missing for them."""

from __future__ import annotations

import sys
import warnings
from contextlib import redirect_stdout
from typing import Any

from zerokd.errors import Problem, RecipeError, WeightsError


def create_pyiqa_metric(name: str, hint: str, **options: Any) -> Any:
    """A measure of pyiqa on the processor.

    Raises:
        RecipeError: pyiqa is not installed.
        WeightsError: what it needs cannot be read or fetched; ``hint`` says what to do.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            import pyiqa
    except ImportError as error:
        remedy = "pip install 'zerokd-pyiqa[pyiqa]'; it brings about forty packages"
        text = f"{name} is computed by pyiqa, which cannot be imported: {error}"
        raise RecipeError(Problem(text, hints=(remedy,))) from error
    try:
        # what it says of files goes where progress goes: tables may be on their way into another program
        with warnings.catch_warnings(action="ignore"), redirect_stdout(sys.stderr):
            return pyiqa.create_metric(name, device="cpu", **options)
    except Exception as error:  # of the network, the file, or its contents
        told = (str(error) or type(error).__name__).splitlines()[0][:160]
        text = f"the weights of {name} are not there: {told}"
        raise WeightsError(Problem(text, hints=(hint,))) from error
