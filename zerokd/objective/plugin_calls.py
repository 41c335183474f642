"""Calls of components in a step: whatever one raises or returns, the error names the term and the component."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor

from zerokd.errors import Place, PluginError, Problem, ZerokdError
from zerokd.objective.cached_tensors import CachedTensors
from zerokd.objective.term import BoundTerm
from zerokd.plugin.error_attribution import attribute_errors

Result = TypeVar("Result")


class ForeignExit(Exception):  # noqa: N818 - it stands for an exception that is no error
    """An exception of a component that is none of Python's errors, such as one that ends tasks or generators."""


def call_component(
    operation: str, function: Callable[..., Result], *arguments: Any, place: Place | None = None
) -> Result:
    """The result of a component's code.

    Raises:
        PluginError: it raised any exception but KeyboardInterrupt, which comes from the user.
        OutOfMemoryError: memory ran out.
    """
    if torch.compiler.is_compiling():  # the first call of a step is never compiled
        return function(*arguments)
    try:
        return function(*arguments)
    except (KeyboardInterrupt, ZerokdError):
        raise
    except BaseException as error:
        raise _attribute(operation, error, place) from error


def _attribute(operation: str, error: BaseException, place: Place | None) -> ZerokdError:
    try:
        with attribute_errors(operation):
            if isinstance(error, Exception):
                raise error
            raise ForeignExit(f"it raised {type(error).__name__}") from error
    except ZerokdError as attributed:
        return attributed.with_place(place) if place else attributed
    raise AssertionError("attribute_errors raises")


def require_per_image(term: BoundTerm, value: Any, count: int) -> Tensor:
    """The value of a term, if it is one floating-point number per image; under autocast it may be narrow.

    Raises:
        PluginError: it is something else.
    """
    if not isinstance(value, Tensor) or value.shape != (count,):
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        text = f"{term.label}: {term.use} must return one value per image, shape (N,), got {got}"
    elif not value.is_floating_point():
        text = describe_dtype(term, value)
    else:
        return value
    raise PluginError(Problem(text, term.place, code="not-per-image"))


def describe_dtype(term: BoundTerm, value: Tensor) -> str:
    """Why a value of this type is refused."""
    return f"{term.label}: {term.use} must return float32 or wider, got {value.dtype}"


def compute_terms(
    value: Callable[..., Tensor], terms: Iterable[BoundTerm], tensors: Mapping[str, Tensor], cached: CachedTensors
) -> dict[str, Tensor]:
    """The values per image, shape (N,), of these terms by label, by :meth:`Objective.value <zerokd.Objective.value>`.

    Raises:
        PluginError: a loss raised an exception, or returned something else.
    """
    values, count = {}, len(next(iter(tensors.values())))
    for term in terms:
        arguments = (term.label, tensors, cached.prepared_ports.get(term.label))
        result = call_component(f"{term.label}: loss {term.use!r}", value, *arguments, place=term.place)
        values[term.label] = require_per_image(term, result, count)
    return values
