"""A function or class of an installed library by its path."""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from importlib.metadata import packages_distributions, version
from typing import Any

from attrs import frozen

from zerokd.errors import Problem, RecipeError, did_you_mean
from zerokd.plugin.callable_config import is_toml_type
from zerokd.plugin.isolation import error_message

OWN_FUNCTION_HINT = "wrap a function of your own that calls it: zerokd.wrap_loss(my_function, ...)"


@frozen
class LibraryCallable:
    """A function or class at ``module.name``, with the distribution that provides it."""

    module: str
    name: str
    wrapped: Callable[..., Any]
    distribution: str
    version: str

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """Its arguments, or those of the class's constructor, by name.

        Raises:
            RecipeError: they cannot be read.
        """
        return _read_parameters(self.wrapped, self.path)

    def read_tensor_names(self) -> list[str]:
        """The names of the tensors that it takes first, or that the class's ``forward`` takes.

        Raises:
            RecipeError: it takes none, or more than a prediction and a target, or its calls depend on each other.
        """
        owner, path, parameters = self.wrapped, self.path, dict(self.parameters)
        if inspect.isclass(owner):
            if hasattr(owner, "update") and hasattr(owner, "compute"):
                hint = "wrap the library's function instead, such as one of torchmetrics.functional"
                raise RecipeError(Problem(f"{path} adds up what it is called with (update, compute)", hints=(hint,)))
            owner = getattr(owner, "forward", None) or owner.__call__
            parameters = dict(list(_read_parameters(owner, f"{path}.forward").items())[1:])
        names = _select_tensor_names(owner, parameters)
        if not 1 <= len(names) <= 2:
            takes = f"{len(names)} tensors first: {', '.join(names)}" if names else "no tensor"
            text = f"{path} takes {takes}; a loss is guessed from one image, or from a prediction and a target"
            raise RecipeError(Problem(text, hints=(OWN_FUNCTION_HINT,)))
        return names


def find_callable(path: str) -> LibraryCallable:
    """Import ``package.module.name``.

    Raises:
        RecipeError: it is not installed, has no such name, or is neither a function nor a class.
    """
    module_path, _, name = path.rpartition(".")
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", path):
        raise RecipeError(Problem(f"{path!r} is not the path of a function or class", hints=("such as piq.gmsd",)))
    package = path.partition(".")[0]
    try:
        module = importlib.import_module(module_path)
    except ModuleNotFoundError as error:
        if error.name == package:
            hint = f"pip install {package}, if that is the name of its distribution"
            raise RecipeError(Problem(f"{package} is not installed here", hints=(hint,))) from error
        raise RecipeError(Problem(f"{module_path} cannot be imported: {error_message(error)}")) from error
    except Exception as error:  # whatever a library does when it is imported
        text = f"{module_path} cannot be imported: {type(error).__name__}: {error_message(error)}"
        raise RecipeError(Problem(text, cause=error)) from error
    if not hasattr(module, name):
        public = [known for known in dir(module) if not known.startswith("_") and callable(getattr(module, known))]
        raise RecipeError(Problem(f"{module_path} has no {name!r}", hints=did_you_mean(name, public)))
    wrapped = getattr(module, name)
    if not callable(wrapped):
        text = f"{path} is neither a function nor a class: it is a {type(wrapped).__name__}"
        raise RecipeError(Problem(text, hints=(f"`python -c 'import {module_path}; help({module_path})'` lists them",)))
    distribution = packages_distributions().get(package, [package])[0]
    return LibraryCallable(module_path, name, wrapped, distribution, _read_version(distribution, package))


def _read_version(distribution: str, package: str) -> str:
    try:
        return version(distribution)
    except ModuleNotFoundError as error:  # PackageNotFoundError
        text = f"{package} belongs to no installed distribution, so that a package cannot depend on it"
        raise RecipeError(Problem(text, hints=("pip install --editable its folder",))) from error


def _read_parameters(function: Any, path: str) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError) as error:
        text = f"the arguments of {path} cannot be read: {error}"
        raise RecipeError(Problem(text, hints=(OWN_FUNCTION_HINT,))) from error


def _select_tensor_names(owner: Any, parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """The leading arguments without a default whose type, where it has one, is none that a recipe could hold."""
    try:
        hints = typing.get_type_hints(owner)
    except Exception:  # a type that cannot be imported
        hints = {}
    names = []
    for name, parameter in parameters.items():
        is_positional = parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        is_value = name in hints and is_toml_type(hints[name])
        if not is_positional or parameter.default is not parameter.empty or is_value:
            break
        names.append(name)
    return names
