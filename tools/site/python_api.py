"""Pages that mkdocstrings fills when the site is built: the public names, and the hooks."""

from __future__ import annotations

import inspect

import zerokd
from tools.site.markdown import from_docstring, page
from zerokd.plugin import hookspecs
from zerokd.plugin.specs import KINDS

USING = ("load", "load_model")
EXTRA = ("zerokd.testing.conformance",)
LEFT_OUT = ("__version__", "API_VERSION", "hookimpl")


def python_api_page() -> str:
    """Every public name of ``zerokd`` under its own heading, what one uses first, then what a plugin is made of."""
    names = [name for name in zerokd.__all__ if name not in (*USING, *LEFT_OUT)]
    contracts = [name for name in names if not name.endswith("Spec")]
    return page(
        "# Python",
        "What `import zerokd` offers. Everything else is the inside, and may change.",
        "## Using a student",
        *map(_reference, USING),
        "## Writing plugins",
        "`zerokd.hookimpl` marks a [hook](hooks.md); `zerokd.API_VERSION` is the number that `ZEROKD_API` names.",
        *map(_reference, contracts),
        "## Testing plugins",
        *(f"::: {name}" for name in EXTRA),
        "## Registering plugins",
        *(_reference(name) for name in names if name.endswith("Spec")),
    )


def hooks_page() -> str:
    """One heading a hook."""
    about = (
        "A plugin is a module with one function for each kind of component that it brings, marked with "
        "`@zerokd.hookimpl` and named as below. It returns records; a record names the class without importing it. A "
        "distribution registers its module under the entry-point group `zerokd`; `--plugin FILE.py` loads one file. "
        "[Plugins](plugins.md) has the declarations and checks."
    )
    return page("# Hooks", about, *map(_hook, KINDS))


def _hook(kind: str) -> str:
    name, spec = f"zerokd_{kind}", KINDS[kind].__name__
    contract = spec.removesuffix("Spec")
    told = from_docstring(inspect.getdoc(getattr(hookspecs, name)) or "")
    example = f"""```python
@zerokd.hookimpl
def {name}():
    return [zerokd.{spec}("name", target="package.module:Class", summary="one line")]
```"""
    record = f"[`zerokd.{spec}`](python.md#zerokd.{spec})"
    links = f"Returns a list of {record}; each names a [`zerokd.{contract}`](python.md#zerokd.{contract})."
    return f"## {name}\n\n{told} {links}\n\n{example}"


def _reference(name: str) -> str:
    return f"::: zerokd.{name}"
