"""`zerokd new`: render and write a plugin that works at once, with one real component, its test and its packaging."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from string import Template

from zerokd._version import API_VERSION, __version__
from zerokd.errors import Problem, RecipeError, RunFolderError
from zerokd.files.scratch import scratch_folder
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.kinds import KINDS

PORTS = (f"{port}{digit}" for port in ("com", "lpt") for digit in range(10))
RESERVED_FILE_NAMES = {"con", "prn", "aux", "nul", *PORTS}  # on Windows
MAX_NAME_LENGTH = 40  # characters
KINDS_BY_WORD = {kind.word: kind for kind in KINDS.values()}


def render_package(word: str, name: str) -> dict[str, str]:
    """Render a package with one component: file contents by their paths in it."""
    module = f"zerokd_{name}"
    values = make_template_values(word, name)
    return {
        "pyproject.toml": fill_template("pyproject", values),
        "README.md": fill_template("readme", values),
        f"{module}/__init__.py": fill_template("init", values),
        f"{module}/{name}.py": fill_template(word, values),
        f"{module}/py.typed": "",
        f"tests/test_{name}.py": fill_template("conformance", values) + fill_template(f"{word}_test", values),
    }


def render_single_file(word: str, name: str) -> dict[str, str]:
    """Render a plugin in one file, for ``--plugin``."""
    values = make_template_values(word, name)
    text = fill_template(word, values)
    if "\nimport zerokd\n" not in text:  # the hook needs it
        text = text.replace("\nfrom zerokd import ", "\nimport zerokd\nfrom zerokd import ", 1)
    return {f"{name}.py": text + fill_template("hook", values)}


def class_name(name: str) -> str:
    """The name of a component's class."""
    return "".join(part.capitalize() for part in name.split("_"))


def package_folder(name: str) -> str:
    """The name of a component's package, and of its folder."""
    return f"zerokd-{name.replace('_', '-')}"


def check_component_name(word: str, name: str, catalogue: Catalogue) -> None:
    """Refuse a name that a new component cannot have.

    Raises:
        RecipeError: it is no snake_case identifier, too long, a word of Python, or a built-in component's.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        better = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
        better = re.sub(r"[^a-z0-9]+", "_", better.lower()).strip("_").lstrip("0123456789_")
        hint = f"write {better}" if better else "write something like smooth_colour"
        text = f"{name!r} is not a valid component name: use lower-case letters, digits and _"
        raise RecipeError(Problem(text, hints=(hint,)))
    if len(name) > MAX_NAME_LENGTH:
        raise RecipeError(Problem(f"{name!r} is longer than {MAX_NAME_LENGTH} characters"))
    if keyword.iskeyword(name) or name in sys.builtin_module_names:
        raise RecipeError(Problem(f"{name!r} is a word of Python", hints=(f"write my_{name}",)))
    entries = catalogue.for_kind(KINDS_BY_WORD[word].plural)
    if any(entry.provider.builtin and entry.spec.name == name for entry in entries):
        hint = "choose another name: a plugin cannot replace a built-in component"
        raise RecipeError(Problem(f"zerokd has a built-in {word} {name!r}", hints=(hint,)))


def check_file_name(name: str) -> None:
    """Refuse a name whose ``NAME.py`` would hide a module of that name, or that no file may have on Windows.

    Raises:
        RecipeError: there is such a module or device.
    """
    if name in sys.stdlib_module_names or importlib.util.find_spec(name) or name in RESERVED_FILE_NAMES:
        text = f"a file {name}.py would hide the module or the device {name!r}"
        raise RecipeError(Problem(text, hints=(f"write my_{name}",)))


def write_files(contents: dict[str, str], folder: Path) -> None:
    """Write all files or none, and overwrite nothing.

    Raises:
        RunFolderError: a file, or a folder that is not empty, is in the way, or the folder cannot be written.
    """
    is_package = len(contents) > 1  # a package gets a folder of its own
    target = folder if is_package else folder / next(iter(contents))
    try:
        if target.exists() and not (is_package and target.is_dir() and not any(target.iterdir())):
            hint = "choose another name or --out; zerokd has changed nothing"
            raise RunFolderError(Problem(f"{str(target)!r} already exists", hints=(hint,)))
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(target.parent) as scratch:
            root = scratch / "root"
            for path, text in contents.items():
                file = root / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            if is_package and target.exists():
                target.rmdir()
            shutil.move(root if is_package else root / target.name, target)
    except OSError as error:
        raise RunFolderError(Problem(f"cannot write {str(target)!r}: {error.strerror or error}")) from error


def make_template_values(word: str, name: str) -> dict[str, str]:
    """What the templates of a kind name, by placeholder."""
    kind = KINDS_BY_WORD[word]
    title = _read_template(word).splitlines()[0].strip('".')
    return {
        "word": word,
        "name": name,
        "Class": class_name(name),
        "package": package_folder(name),
        "module": f"zerokd_{name}",
        "kind": kind.plural,
        "Kind": kind.contract,
        "summary": title[0].lower() + title[1:],
        "imports": _test_imports(_read_template(f"{word}_test")),
        "version": __version__,
        "dependencies": f'"zerokd>={__version__}"',
        "api": str(API_VERSION),
    }


def _test_imports(text: str) -> str:
    """The imports that a template's test uses, third-party ones first."""
    third_party = [
        line for alias, line in (("np", "import numpy as np\n"), ("torch", "import torch\n")) if f"{alias}." in text
    ]
    return "".join([*third_party, "\n" if third_party else "", "import zerokd\n" if "zerokd." in text else ""])


def _read_template(template: str) -> str:
    return (files("zerokd.templates") / f"{template}.txt").read_text(encoding="utf-8")


def fill_template(template: str, values: dict[str, str]) -> str:
    """A template with its placeholders replaced."""
    return Template(_read_template(template)).substitute(values)
