"""`zerokd new loss --wrap`: a package that declares a library's function or class as a loss."""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zerokd.plugin.loss_declaration import UNKNOWN_PITFALLS, LossDeclaration
from zerokd.plugin.ports import Port
from zerokd.templates.scaffold import fill_template, make_template_values

LINE_LENGTH = 120  # characters, of the package's own ruff settings
MIN_TEST_SIDE = 16  # pixels


def component_name(library_name: str) -> str:
    """The name of the loss that wraps ``MS_SSIMLoss``: ms_ssim_loss."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", library_name)
    return re.sub(r"_+", "_", words).strip("_").lower()


def render_wrapped_package(name: str, declaration: LossDeclaration, undecided: Sequence[str]) -> dict[str, str]:
    """Render a package with the loss: file contents by their paths in it."""
    values = _make_values(name, declaration, undecided)
    module = values["module"]
    return {
        "pyproject.toml": fill_template("pyproject", values),
        "README.md": fill_template("wrapped_readme", values),
        f"{module}/__init__.py": fill_template("init", values),
        f"{module}/{name}.py": fill_template("wrapped_loss", values),
        f"{module}/py.typed": "",
        f"tests/test_{name}.py": fill_template("wrapped_loss_test", values),
    }


def render_wrapped_file(name: str, declaration: LossDeclaration, undecided: Sequence[str]) -> dict[str, str]:
    """Render a plugin in one file, for ``--plugin``."""
    values = _make_values(name, declaration, undecided)
    return {f"{name}.py": fill_template("wrapped_loss", values) + fill_template("hook", values)}


def _make_values(name: str, declaration: LossDeclaration, undecided: Sequence[str]) -> dict[str, str]:
    library, values = declaration.library, make_template_values("loss", name)
    example = dict(declaration.examples[0]) if declaration.examples else {}
    side, channels = max(MIN_TEST_SIDE, declaration.min_size), next(iter(declaration.ports.values())).channels or 3
    failures = [f"* `{check}`: {reason}" for check, reason in declaration.known_failures.items()]
    return values | {
        "summary": f"{library.name} of {library.distribution}",
        "dependencies": f'"zerokd>={values["version"]}", "{library.distribution}>={library.version}"',
        "path": library.path,
        "library": library.distribution,
        "library_version": library.version,
        "library_module": library.module,
        "imports": _list_imports(library.module, needs_partial=not isinstance(library.wrapped, type)),
        "Class": declaration.class_name,
        "arguments": "\n".join(_list_arguments(declaration, undecided)),
        "undecided": "\n".join(f"* {sentence}" for sentence in undecided),
        "failures": "\n".join(failures) or "None.",
        "shape": f"{len(declaration.ports)}, 2, {channels}, {side}, {side + 4}",
        "function": _format_function(declaration, example),
        "options": ", ".join(f"{key}={format_python(value)}" for key, value in example.items()),
        "expected": declaration.as_loss,
    }


def _list_imports(library_module: str, needs_partial: bool) -> str:
    third_party = sorted({"import pytest", "import torch", f"import {library_module}"})
    return "\n".join([*(["from functools import partial", ""] if needs_partial else []), *third_party])


def _format_function(declaration: LossDeclaration, example: Mapping[str, Any]) -> str:
    """The library's own function of images, with the arguments that the loss passes."""
    library, arguments = declaration.library, {**declaration.fixed, **example}
    keywords = [f"{key}={format_python(value)}" for key, value in arguments.items()]
    if isinstance(library.wrapped, type):
        instance = f"{library.path}({', '.join(keywords)})"
        return f"{instance}.eval()" if hasattr(library.wrapped, "eval") else instance
    return f"partial({', '.join([library.path, *keywords])})"


def _list_arguments(declaration: LossDeclaration, undecided: Sequence[str]) -> Iterator[str]:
    """The lines between the brackets of the declaration; what is undecided has a comment above it."""
    decisions = dict(sentence.split(": ", 1) for sentence in undecided)
    arguments: dict[str, Any] = {"name": declaration.class_name, "ports": declaration.ports, "about": declaration.about}
    arguments |= {"source": declaration.source, "pitfalls": UNKNOWN_PITFALLS, "as_loss": declaration.as_loss}
    defaults = {"as_loss": "value", "fixed": {}, "reduces_batch": True, "min_size": 1, "bounds": None}
    defaults |= {"finite_gradient": False, "best_on": (), "worsens_with": (), "examples": (), "known_failures": {}}
    for key, default in defaults.items():
        value = getattr(declaration, key)
        value = dict(value) if isinstance(default, dict) else value
        if value != default or key in decisions:
            arguments[key] = value
    yield f"    {declaration.library.path},"
    for key, value in arguments.items():
        if key in decisions:
            yield f"    # decide: {decisions[key]}"
        yield from _format_argument(f"{key}=", value, 4)


def _format_argument(prefix: str, value: Any, indent: int) -> list[str]:
    """An argument or item as lines, broken where it is too long, as ruff formats it."""
    pad = " " * indent
    line = f"{pad}{prefix}{format_python(value)},"
    if len(line) <= LINE_LENGTH and not isinstance(value, Mapping):
        return [line]
    if isinstance(value, Mapping):
        items = [
            part for key, item in value.items() for part in _format_argument(f"{json.dumps(key)}: ", item, indent + 4)
        ]
        return [f"{pad}{prefix}{{", *items, f"{pad}}},"]
    if isinstance(value, Port):
        keywords = [f"{pad}    {part}," for part in _format_port(value)]
        return [f"{pad}{prefix}Port(", *keywords, f"{pad}),"]
    pieces = textwrap.wrap(value, LINE_LENGTH - indent - 6, drop_whitespace=False)
    return [
        f"{pad}{prefix}(",
        *(f"{pad}    {json.dumps(piece)}" for piece in pieces),
        f"{pad}),",
    ]


def format_python(value: Any) -> str:
    """A value as Python code, with double quotes."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return f"({', '.join(map(format_python, value))}{',' * (len(value) == 1)})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{format_python(key)}: {format_python(item)}' for key, item in value.items())}}}"
    if isinstance(value, Port):
        return f"Port({', '.join(_format_port(value))})"
    return repr(value)


def _format_port(port: Port) -> list[str]:
    """The arguments of a port that are not the default."""
    keywords = {
        "range": port.range,
        "grad": port.grad,
        "default": port.default,
        "like": port.like,
        "channels": port.channels,
    }
    return [format_python(port.about), *(f"{key}={format_python(value)}" for key, value in keywords.items() if value)]
