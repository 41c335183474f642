"""pyiqa's own metrics, and errors when it or its weights are missing."""

from __future__ import annotations

import importlib
import sys
import warnings
from contextlib import redirect_stdout
from typing import Any

from attrs import evolve

from zerokd.errors import Problem, RecipeError, WeightsError
from zerokd.files.library_downloads import check_library_downloads


def create_pyiqa_metric(name: str, hint: str, **options: Any) -> Any:
    """Create a metric of pyiqa on the CPU.

    Raises:
        RecipeError: pyiqa is not installed.
        WeightsError: its weights cannot be read or downloaded; ``hint`` gives the remedy.
    """
    pyiqa = _import_pyiqa(name, "pyiqa")
    try:
        # its messages go to stderr, since stdout may be a table for another program
        with warnings.catch_warnings(action="ignore"), redirect_stdout(sys.stderr), check_library_downloads():
            return pyiqa.create_metric(name, device="cpu", **options)
    except WeightsError as error:  # nobody agreed, or the file is not the expected one
        raise WeightsError(*(evolve(problem, hints=(*problem.hints, hint)) for problem in error.problems)) from error
    except Exception as error:  # of the network, the file, or its contents
        reason = (str(error) or type(error).__name__).splitlines()[0][:160]
        text = f"the weights of {name} are unavailable: {reason}"
        raise WeightsError(Problem(text, hints=(hint,))) from error


def import_pyiqa_network(name: str, module: str, class_name: str) -> Any:
    """A network class of pyiqa.

    Raises:
        RecipeError: pyiqa is not installed.
    """
    return getattr(_import_pyiqa(name, module), class_name)


def _import_pyiqa(name: str, module: str) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):
            return importlib.import_module(module)
    except ImportError as error:
        remedy = "pip install 'zerokd-pyiqa[pyiqa]'; it installs about forty packages"
        text = f"{name} needs pyiqa, which cannot be imported: {error}"
        raise RecipeError(Problem(text, hints=(remedy,))) from error
