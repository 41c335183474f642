"""The index of all components, and the page of the packages that provide some of them."""

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
    """The path of a component's page in the folder of the components."""
    return f"{entry.spec.kind}/{entry.spec.name}.md"


def index_page(entries: Sequence[CatalogueEntry], recipe_names: dict[tuple[str, str], list[str]]) -> str:
    """All components in one table; ``recipe_names`` holds the recipes that use each, by kind and qualified name."""
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
    about = (
        f"{len(entries)} components: {len([entry for entry in entries if entry.provider.builtin])} built in, the others from "
        "separate [packages](../packages.md). `zerokd list` includes your own; `zerokd show NAME` prints such a page in "
        "the terminal."
    )
    head = ("name", "kind", "summary", "gradient through", "recipes", "by")
    return "---\nhide: [toc]\n---\n\n" + build_page("# Components", about, FILTER_HTML, build_table(head, rows))


def read_packages(root: Path) -> dict[str, Any]:
    """The ``[project]`` table of each package below plugins/, by name."""
    files = sorted(root.glob("plugins/*/pyproject.toml"))
    return {path.parent.name: tomllib.loads(path.read_text(encoding="utf-8"))["project"] for path in files}


def packages_page(entries: Sequence[CatalogueEntry], root: Path) -> str:
    """The packages below plugins/: description, components and installation of each."""
    parts = []
    for name, project in read_packages(root).items():
        provided = [
            f"[{entry.spec.name}](components/{component_page_path(entry)}) ({KINDS[entry.spec.kind].singular})"
            for entry in entries
            if entry.provider.name == name
        ]
        provided += [f"the command {inline_code(script)}" for script in project.get("scripts", ())]
        about = f"{project['description'][:1].upper()}{project['description'][1:]}."
        install = f"```console\n$ pip install --editable plugins/{name}\n```"
        parts.append(f"## {name}\n\n{about}\n\nProvides {', '.join(provided)}.\n\n{install}")
    about = "These packages install separately. zerokd discovers them by their entry points and gives them no privilege."
    return build_page("# Packages", about, *parts)


def build_navigation(entries: Sequence[CatalogueEntry], recipes: Sequence[str]) -> str:
    """The lines of mkdocs.yml that list the generated pages."""
    lines = ["      - Catalogue of losses: reference/losses.md", "      - Components:", "          - All: reference/components/index.md"]
    for kind in KINDS:
        own = [entry for entry in entries if entry.spec.kind == kind]
        if own:
            lines.append(f"          - {kind.capitalize()}:")
            lines += [f"              - {entry.spec.name}: reference/components/{component_page_path(entry)}" for entry in own]
    lines += ["      - Recipes:", "          - All: reference/recipes/index.md"]
    lines += [f"          - {name}.toml: reference/recipes/{name}.md" for name in recipes]
    return "\n".join(lines) + "\n"


def _list_gradient_ports(entry: CatalogueEntry) -> str:
    if entry.spec.kind != "losses":
        return ""
    loss: Any = load_component(entry)
    ports = loss.ports
    return ", ".join(inline_code(name) for name, port in ports.items() if port.grad)
