"""Pages that mkdocstrings fills when the site is built: the public names, and the hooks."""

from __future__ import annotations

import zerokd
from tools.site.markdown import build_page, docstring_to_markdown
from zerokd.plugin.kinds import KINDS, SPEC_CONSTRUCTORS, Kind

STUDENT_FUNCTIONS = ("load", "load_model")
TRAINING_NAMES = ("compose", "Objective", "Term", "Average", "ObjectiveResult", "Evidence", "train", "Run")
PUBLIC_MEMBERS = {  # of classes that the training loop of zerokd uses in more ways than others should
    "Objective": ("forward", "after_step", "prove", "to_toml", "weights_at", "named_parameters", "state_dict"),
    "ObjectiveResult": ("contributions", "check_finite", "detach"),
}
TESTING_MODULES = ("zerokd.testing.conformance",)
EXCLUDED_NAMES = ("__version__", "API_VERSION", "hookimpl")


def python_api_page() -> str:
    """Every public name of ``zerokd`` under its own heading: first the functions, then the contracts of plugins."""
    names = [name for name in vars(zerokd)["__all__"] if name not in (*STUDENT_FUNCTIONS, *TRAINING_NAMES, *EXCLUDED_NAMES)]
    contracts = [name for name in names if not name.endswith(("Spec", "Error"))]
    short_forms = ", ".join(f"`{name}`" for name in SPEC_CONSTRUCTORS)
    return build_page(
        "# Python",
        "The public names of `import zerokd`. Everything else is internal and may change.",
        "## Using a student",
        *map(_mkdocstrings_directive, STUDENT_FUNCTIONS),
        "## Training",
        *map(_mkdocstrings_directive, TRAINING_NAMES),
        "## Writing plugins",
        "`zerokd.hookimpl` marks a [hook](hooks.md); `zerokd.API_VERSION` is the version to which `ZEROKD_API` refers.",
        *map(_mkdocstrings_directive, contracts),
        "## Errors",
        "Every error that a user can fix is a `zerokd.ZerokdError`; `zerokd.errors.Problem` records hold the details.",
        *(_mkdocstrings_directive(name) for name in names if name.endswith("Error")),
        "## Testing plugins",
        *(f"::: {name}" for name in TESTING_MODULES),
        "## Registering plugins",
        _mkdocstrings_directive("Spec"),
        f"`Spec` has one short form per kind, which fills in `kind`: {short_forms}.",
    )


def hooks_page() -> str:
    """Every hook under its own heading."""
    about = (
        "A plugin is a module with one function for each kind of component that it provides, marked with "
        "`@zerokd.hookimpl` and named as below. Each returns records, which name classes without importing them. A "
        "distribution registers its module under the entry-point group `zerokd`; `--plugin FILE.py` loads one file. "
        "[Plugins](plugins.md) describes the declarations and checks."
    )
    return build_page("# Hooks", about, *map(_build_hook_section, KINDS.values()))


def _build_hook_section(kind: Kind) -> str:
    name, spec, contract = kind.hook, kind.spec_name, kind.contract
    about = docstring_to_markdown(kind.about)
    example = f"""```python
@zerokd.hookimpl
def {name}():
    return [zerokd.{spec}("name", target="package.module:Class", summary="one line")]
```"""
    record = f"[`zerokd.{spec}`](python.md#zerokd.Spec)"
    links = f"Returns a list of {record}; each names a [`zerokd.{contract}`](python.md#zerokd.{contract})."
    return f"## {name}\n\n{about} {links}\n\n{example}"


def _mkdocstrings_directive(name: str) -> str:
    members = PUBLIC_MEMBERS.get(name)
    if members is None:
        return f"::: zerokd.{name}"
    options = f"      members: [{', '.join(members)}]\n      inherited_members: true\n      show_bases: false"
    return f"::: zerokd.{name}\n    options:\n{options}"
