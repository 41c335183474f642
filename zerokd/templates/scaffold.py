"""Writes a plugin package that works as it is: one component that does something real, its test, and its packaging."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from string import Template

from attrs import frozen

from zerokd._version import API_VERSION, __version__
from zerokd.errors import Problem, RecipeError, RunFolderError
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.specs import KINDS

MAX_NAME_LENGTH = 40  # characters of a name


@frozen
class TemplateInfo:
    """What a kind's template does before its author changes it."""

    kind: str
    summary: str
    test_imports: str = "import torch\n\n"  # of its test


TEMPLATES = {
    "loss": TemplateInfo("losses", "a smooth absolute difference"),
    "adapter": TemplateInfo("adapters", "tensors without their brightness"),
    "stage": TemplateInfo("stages", "the student alone, with its photos brightened beside them"),
    "model": TemplateInfo("models", "one layer that says how much each pixel is brightened"),
    "augmentation": TemplateInfo("augmentations", "left and right exchanged"),
    "metric": TemplateInfo("metrics", "mean absolute error"),
    "data": TemplateInfo("data", "dark ramps of colour", ""),
    "schedule": TemplateInfo("schedules", "a number that falls by a factor", "import numpy as np\n\nimport zerokd\n"),
    "aggregator": TemplateInfo("aggregators", "the sum of gradients of which none is longer than their mean"),
    "observer": TemplateInfo("observers", "the objective of every step, as CSV", ""),
    "exporter": TemplateInfo("exporters", "a program for PyTorch", "import numpy as np\n\nimport zerokd\n"),
}


def render_package(kind_name: str, name: str) -> dict[str, str]:
    """The files of a package by their paths in it."""
    module = f"zerokd_{name}"
    facts = _template_values(kind_name, name)
    return {
        "pyproject.toml": _fill_template("pyproject", facts),
        "README.md": _fill_template("readme", facts),
        f"{module}/__init__.py": _fill_template("init", facts),
        f"{module}/{name}.py": _fill_template(kind_name, facts),
        f"{module}/py.typed": "",
        f"tests/test_{name}.py": _fill_template("conformance", facts) + _fill_template(f"{kind_name}_test", facts),
    }


def render_single_file(kind_name: str, name: str) -> dict[str, str]:
    """A plugin in one file, for ``--plugin``."""
    facts = _template_values(kind_name, name)
    text = _fill_template(kind_name, facts)
    if "\nimport zerokd\n" not in text:  # the hook needs it
        text = text.replace("\nfrom zerokd import ", "\nimport zerokd\nfrom zerokd import ", 1)
    return {f"{name}.py": text + _fill_template("hook", facts)}


def check_component_name(kind_name: str, name: str, catalogue: Catalogue) -> None:
    """Refuse a name that cannot serve.

    Raises:
        RecipeError: it is no snake_case identifier, too long, a word of Python, or a built-in component's.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        better = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
        better = re.sub(r"[^a-z0-9]+", "_", better.lower()).strip("_").lstrip("0123456789_")
        hint = f"write {better}" if better else "write something like smooth_colour"
        raise RecipeError(Problem(f"{name!r} is no name of a component: small letters, digits and _", hints=(hint,)))
    if len(name) > MAX_NAME_LENGTH:
        raise RecipeError(Problem(f"{name!r} is longer than {MAX_NAME_LENGTH} characters"))
    if keyword.iskeyword(name) or name in sys.builtin_module_names:
        raise RecipeError(Problem(f"{name!r} is a word of Python", hints=(f"write my_{name}",)))
    kind = TEMPLATES[kind_name].kind
    if any(entry.provider.builtin and entry.spec.name == name for entry in catalogue.for_kind(kind)):
        hints = ("built-in names are never shadowed; choose another one",)
        raise RecipeError(Problem(f"there is a built-in {kind_name} {name!r}", hints=hints))


def write_files(contents: dict[str, str], folder: Path) -> None:
    """Write all files or none; nothing that is there is touched.

    Raises:
        RunFolderError: a file, or a folder with something in it, is in the way, or the place cannot be written.
    """
    whole = len(contents) > 1  # a package is a folder of its own
    target = folder if whole else folder / next(iter(contents))
    try:
        if target.exists() and not (whole and target.is_dir() and not any(target.iterdir())):
            hint = "choose another name or --out; nothing was touched"
            raise RunFolderError(Problem(f"{str(target)!r} is there already", hints=(hint,)))
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as name:
            for path, text in contents.items():
                place = Path(name, "made", path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
            if whole and target.exists():
                target.rmdir()
            shutil.move(Path(name, "made") if whole else Path(name, "made", target.name), target)
    except OSError as error:
        raise RunFolderError(Problem(f"cannot write {str(target)!r}: {error.strerror or error}")) from error


def _template_values(kind_name: str, name: str) -> dict[str, str]:
    start = TEMPLATES[kind_name]
    return {
        "word": kind_name,
        "name": name,
        "Class": "".join(part.capitalize() for part in name.split("_")),
        "package": f"zerokd-{name.replace('_', '-')}",
        "module": f"zerokd_{name}",
        "kind": start.kind,
        "Kind": KINDS[start.kind].__name__.removesuffix("Spec"),
        "summary": start.summary,
        "imports": start.test_imports,
        "version": __version__,
        "api": str(API_VERSION),
    }


def _fill_template(template: str, values: dict[str, str]) -> str:
    text = (files("zerokd.templates") / f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(values)
