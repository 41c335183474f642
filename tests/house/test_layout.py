"""The house stays livable: small files, small functions, one test file for each."""

import ast
import statistics
from pathlib import Path

import pytest

import zerokd
from zerokd.plugin.kinds import KINDS

HOUSE = Path(zerokd.__file__).parent
TESTS = Path(__file__).parent.parent
PLUGINS = set(KINDS)
FILES = sorted(HOUSE.rglob("*.py"))
FORBIDDEN = ("utils", "util", "common", "helpers", "helper", "manager", "misc")


def name(path):
    return str(path.relative_to(HOUSE))


def functions(path):
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function):
    """Lines of a function without its docstring."""
    text = ast.get_docstring(function, clean=False)
    return function.end_lineno - function.lineno + 1 - (text.count("\n") + 1 if text else 0)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_are_small(path):
    limit = 180 if path.parent.name in PLUGINS else 265
    assert len(path.read_text().splitlines()) <= limit
    assert [f.name for f in functions(path) if length(f) > 42] == []


def test_the_median_function_is_short():
    assert statistics.median(length(f) for path in FILES for f in functions(path)) <= 9


def test_no_room_for_leftovers():
    assert [name(path) for path in FILES if path.stem in FORBIDDEN or path.stem.startswith("base_")] == []


@pytest.mark.parametrize("path", [p for p in FILES if not p.stem.startswith("__") and p.stem != "_version"], ids=name)
def test_every_file_has_its_test_file(path):
    mirror = TESTS / path.relative_to(HOUSE).parent / f"test_{path.stem}.py"
    assert mirror.exists(), f"{name(path)} has no {mirror.relative_to(TESTS.parent)}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_module_says_what_it_is(path):
    text = path.read_text()
    assert not text or path.stem == "_version" or ast.get_docstring(ast.parse(text))


def test_no_pickle_is_loaded_unguarded():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                guards = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "weights_only"]
                assert guards == ["True"], f"{name(path)}:{node.lineno}"


@pytest.mark.parametrize("path", [*FILES, *sorted(TESTS.rglob("*.py"))], ids=str)
def test_nothing_needs_torchvision_to_be_imported(path):
    """It breaks beside another build of torch, and only ImageNet's weights need it; torchmetrics imports it."""
    for node in ast.parse(path.read_text()).body:
        names = [one.name for one in getattr(node, "names", ())] + [getattr(node, "module", None) or ""]
        assert not any(name.split(".")[0] in ("torchvision", "torchmetrics") for name in names)
