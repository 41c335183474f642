"""Data goes one way: a module imports only what stands to its left."""

import ast
from pathlib import Path

import pytest

import zerokd

HOUSE = Path(zerokd.__file__).parent
ORDER = [
    {"_version", "codes", "errors", "console", "phases", "text"},
    {"files", "equation", "chart"},
    {"plugin"},
    {
        "losses",
        "adapters",
        "stages",
        "models",
        "data",
        "augmentations",
        "schedules",
        "metrics",
        "aggregators",
        "critics",
        "optimizers",
        "observers",
        "exporters",
        "assets",
    },
    {"objective"},
    {"proof"},
    {"recipe"},
    {"training"},
    {"measure"},
    {"student"},
    {"run"},
    {"describe"},
    {"pages"},
    {"benchmark", "sweep", "testing", "templates"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: floor for floor, rooms in enumerate(ORDER) for room in rooms}
PLUGIN_ROOMS = ORDER[3]
FILES = [path for path in sorted(HOUSE.rglob("*.py")) if path != HOUSE / "__init__.py"]


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None  # None: the public face, zerokd itself


def module_of(path):
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Every module of ours that a file imports, in functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "zerokd":  # "from zerokd import a": a submodule, or a public name
                yield from (f"zerokd.{name.name}" if name.name in FLOOR else "zerokd" for name in node.names)
            elif node.module.startswith("zerokd."):
                yield from (
                    f"{node.module}.{name.name}"
                    if (HOUSE.parent / node.module.replace(".", "/") / f"{name.name}.py").exists()
                    else node.module
                    for name in node.names
                )
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "zerokd")


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_point_left(path):
    mine = room(module_of(path))
    for imported in imports(path):
        theirs = room(imported)
        if theirs is not None:
            assert FLOOR[theirs] <= FLOOR[mine], f"{module_of(path)} imports {imported}"
            assert FLOOR[theirs] < FLOOR[mine] or theirs == mine or {mine, theirs} <= PLUGIN_ROOMS or FLOOR[mine] == 0


@pytest.mark.parametrize("path", [p for p in FILES if room(module_of(p)) in PLUGIN_ROOMS], ids=module_of)
def test_built_in_plugins_use_public_names_only(path):
    for imported in imports(path):
        assert room(imported) not in ("plugin",), f"{module_of(path)} imports {imported}: use `from zerokd import ...`"


def test_no_two_modules_import_each_other():
    graph = {module_of(path): set(imports(path)) - {"zerokd"} for path in FILES}
    done = set()

    def visit(module, trail):
        assert module not in trail, " -> ".join([*trail, module])
        if module not in done:
            for imported in graph.get(module, ()):
                visit(imported, [*trail, module])
            done.add(module)

    for module in graph:
        visit(module, [])
    assert done
