"""The index of all components, with what a reader filters by, and the packages that bring some of them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.site.markdown import inline_code, build_page, build_table
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.loading import load_component
from zerokd.plugin.kinds import KINDS

FILTER_HTML = '<div class="filter"></div>'


def component_page_path(entry: CatalogueEntry) -> str:
    """A component's page, from the folder of all of them."""
    return f"{entry.spec.kind}/{entry.spec.name}.md"


def index_page(entries: Sequence[CatalogueEntry], recipe_names: dict[tuple[str, str], list[str]]) -> str:
    """Every component in one table; ``used`` has the recipes of each, by its kind and qualified name."""
    rows = [
        (
            f"[{entry.spec.name}]({component_page_path(entry)})",
            KINDS[entry.spec.kind].singular,
            entry.spec.summary,
            _list_gradient_ports(entry),
            ", ".join(recipe_names[entry.spec.kind, entry.qualified_name]),
            entry.provider.name,
        )
        for entry in entries
    ]
    told = (
        f"{len(entries)} components: {len([entry for entry in entries if entry.provider.builtin])} built in, the others by "
        "[packages](../packages.md) that install separately. `zerokd list` shows yours too, `zerokd show NAME` a page "
        "like these in the terminal."
    )
    head = ("name", "kind", "summary", "gradient through", "recipes", "by")
    return "---\nhide: [toc]\n---\n\n" + build_page("# Components", told, FILTER_HTML, build_table(head, rows))


def read_packages(root: Path) -> dict[str, Any]:
    """What the pyproject.toml of each package below plugins/ says of it, by its name."""
    files = sorted(root.glob("plugins/*/pyproject.toml"))
    return {path.parent.name: tomllib.loads(path.read_text(encoding="utf-8"))["project"] for path in files}


def packages_page(entries: Sequence[CatalogueEntry], root: Path) -> str:
    """The packages below plugins/: what each is, by its own pyproject.toml, and brings."""
    parts = []
    for name, project in read_packages(root).items():
        brings = [
            f"[{entry.spec.name}](components/{component_page_path(entry)}) ({KINDS[entry.spec.kind].singular})"
            for entry in entries
            if entry.provider.name == name
        ]
        brings += [f"the command {inline_code(script)}" for script in project.get("scripts", ())]
        about = f"{project['description'][:1].upper()}{project['description'][1:]}."
        install = f"```console\n$ pip install --editable plugins/{name}\n```"
        parts.append(f"## {name}\n\n{about}\n\nBrings {', '.join(brings)}.\n\n{install}")
    about = "They install separately and are found by themselves; each has its own tests, and no privilege."
    return build_page("# Packages", about, *parts)


def build_navigation(entries: Sequence[CatalogueEntry], recipes: Sequence[str]) -> str:
    """The lines of mkdocs.yml that list the generated pages."""
    lines = ["      - Components:", "          - All: reference/components/index.md"]
    for kind in KINDS:
        own = [entry for entry in entries if entry.spec.kind == kind]
        if own:
            lines.append(f"          - {kind.capitalize()}:")
            lines += [f"              - {one.spec.name}: reference/components/{component_page_path(one)}" for one in own]
    lines += ["      - Recipes:", "          - All: reference/recipes/index.md"]
    lines += [f"          - {name}.toml: reference/recipes/{name}.md" for name in recipes]
    return "\n".join(lines) + "\n"


def _list_gradient_ports(entry: CatalogueEntry) -> str:
    if entry.spec.kind != "losses":
        return ""
    loss: Any = load_component(entry)
    ports = loss.ports
    return ", ".join(inline_code(name) for name, port in ports.items() if port.grad)
