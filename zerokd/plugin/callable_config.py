"""The config of a component that calls another library: the keyword arguments of a function or class."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Field, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from zerokd.errors import PluginError, Problem, calling_place
from zerokd.plugin.config import Config

TOML_TYPES = (bool, int, float, str)


def build_callable_config(
    wrapped: Callable[..., Any],
    *,
    positional_count: int,
    fixed: Mapping[str, Any],
    fields: Mapping[str, FieldInfo],
    reserved_keys: tuple[str, ...] = (),
) -> type[Config]:
    """Build a config with a key for each argument of ``wrapped`` whose type, or default, TOML can express.

    Args:
        wrapped: a function, whose first ``positional_count`` arguments are tensors, or a class.
        positional_count: how many tensors a function takes; a class takes them when its instance is called.
        fixed: arguments that are no keys.
        fields: bounds and descriptions of arguments, ``{"sigma": pydantic.Field(gt=0.0, description="...")}``.
        reserved_keys: names that a key must not have.

    Raises:
        PluginError: the signature cannot be read or lacks a name, or an argument without a default cannot be a key.
    """
    library_name = qualified_name(wrapped)
    parameters = _read_parameters(wrapped)
    if not inspect.isclass(wrapped):
        _require_positional(parameters[:positional_count], positional_count, library_name)
        parameters = parameters[positional_count:]
    keywords = {
        parameter.name: parameter
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    accepts_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    unknown = sorted({*fixed, *fields} - set(keywords))
    if unknown and not (accepts_any and set(unknown) <= set(fixed)):
        raise declaration_error(f"{library_name} has no argument {', '.join(unknown)}", f"it has {', '.join(keywords)}")
    definitions: dict[str, Any] = {}
    for name, parameter in keywords.items():
        annotation = None if name in fixed else _find_key_type(wrapped, parameter)
        if annotation is not None:
            about = f"argument {name!r} of {library_name}"
            definitions[name] = _build_definition(annotation, parameter, fields.get(name), about)
        elif name not in fixed and parameter.default is parameter.empty:
            hint = f'fix it with fixed={{"{name}": ...}}, or wrap a function of your own that supplies it'
            raise declaration_error(f"{library_name} needs {name!r}, whose type no recipe can express", hint)
    clash = sorted(set(definitions) & set(reserved_keys))
    if clash:
        hint = f'fix it with fixed={{"{clash[0]}": ...}}, or wrap a function of your own with another argument'
        raise declaration_error(f"{library_name} has arguments that are keys of the recipe: {', '.join(clash)}", hint)
    config: type[Config] = create_model("Config", __base__=Config, **definitions)
    return config


def qualified_name(wrapped: Callable[..., Any]) -> str:
    """The name by which a library documents a function or class: its first package and its own name."""
    return f"{wrapped.__module__.partition('.')[0]}.{getattr(wrapped, '__name__', type(wrapped).__name__)}"


def declaration_error(text: str, hint: str) -> PluginError:
    """An error in a declaration, at the line that calls zerokd."""
    return PluginError(Problem(text, calling_place(), (hint,), code="plugin-broken"))


def _read_parameters(wrapped: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(wrapped).parameters.values())
    except (TypeError, ValueError) as error:
        text = f"the arguments of {wrapped!r} cannot be read: {error}"
        raise declaration_error(text, "wrap a Python function that calls it") from error


def _require_positional(parameters: list[inspect.Parameter], count: int, library_name: str) -> None:
    positional = [
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(positional) < count and not any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        text = f"{library_name} takes {len(positional)} tensors first, and {count} ports are declared"
        raise declaration_error(text, "declare one port for each of its first arguments, in their order")


def _find_key_type(wrapped: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """The type of a key, from the annotation or the default; None if TOML cannot express it."""
    owner = wrapped.__init__ if inspect.isclass(wrapped) else wrapped
    try:
        annotation = typing.get_type_hints(owner).get(parameter.name)
    except Exception:  # an annotation that names what cannot be imported
        annotation = None
    if annotation is not None:
        return annotation if is_toml_type(annotation) else None
    return type(parameter.default) if isinstance(parameter.default, TOML_TYPES) else None


def is_toml_type(annotation: Any) -> bool:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return all(isinstance(argument, TOML_TYPES) for argument in arguments)
    if origin in (Union, types.UnionType):
        return all(argument is type(None) or is_toml_type(argument) for argument in arguments)
    if origin is tuple:
        return all(argument is Ellipsis or is_toml_type(argument) for argument in arguments)
    return annotation in TOML_TYPES


def _build_definition(annotation: Any, parameter: inspect.Parameter, declared: FieldInfo | None, about: str) -> Any:
    """Type and default of a key, as pydantic takes them: bounds and description as declared."""
    own = declared or FieldInfo()
    default = parameter.default if own.default is PydanticUndefined else own.default
    return Annotated[annotation, Field(description=about), own], ... if default is parameter.empty else default
