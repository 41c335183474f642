"""All generated pages of the site: what they should say, and which of them do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.site.catalogue import build_navigation, component_page_path, index_page, packages_page, read_packages
from tools.site.command_line import command_line_page
from tools.site.component import component_page
from tools.site.errors import errors_page
from tools.site.markdown import GENERATED_MARK
from tools.site.llms_text import build_llms_text
from tools.site.python_api import hooks_page, python_api_page
from tools.site.recipe_format import recipe_format_page
from tools.site.recipes import find_usages, read_shipped_recipes, recipe_page, recipes_page
from zerokd.errors import DataError, Problem
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.kinds import KINDS

REFERENCE_FOLDER = Path("docs/reference")
LOSS_PICTURES_FOLDER = Path("docs/pictures/alone")
LLMS_FILE = Path("docs/llms.txt")
MKDOCS_FILE, BEGIN_MARK, END_MARK = Path("mkdocs.yml"), "      # generated\n", "      # end of generated\n"


def find_first_party_entries(root: Path) -> list[CatalogueEntry]:
    """Built-in components and those that packages below plugins/ bring, which have to be installed.

    Raises:
        DataError: some package is not.
    """
    catalogue = discover_plugins()
    names = {name for name, project in read_packages(root).items() if "entry-points" in project}
    known = [one for kind in KINDS for one in catalogue.for_kind(kind)]
    missing = sorted(names - {one.provider.name for one in known})
    if missing:
        hint = "pip install " + " ".join(f"--editable plugins/{name}" for name in missing)
        raise DataError(Problem(f"pages are made from what is installed: {', '.join(missing)} is not", hints=(hint,)))
    return [one for one in known if one.provider.builtin or one.provider.name in names]


def generate_pages(root: Path) -> dict[Path, str]:
    """Every generated file by its path from the project's root."""
    entries, recipes = find_first_party_entries(root), read_shipped_recipes(root)
    found = {
        REFERENCE_FOLDER / "command_line.md": command_line_page(),
        REFERENCE_FOLDER / "errors.md": errors_page(),
        REFERENCE_FOLDER / "recipe.md": recipe_format_page(),
        REFERENCE_FOLDER / "python.md": python_api_page(),
        REFERENCE_FOLDER / "hooks.md": hooks_page(),
        REFERENCE_FOLDER / "packages.md": packages_page(entries, root),
        REFERENCE_FOLDER / "recipes/index.md": recipes_page(recipes),
    }
    used: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        uses = find_usages(entry, recipes, "../../recipes")
        used[entry.spec.kind, entry.qualified_name] = list(dict.fromkeys(use.title.removesuffix(".toml") for use in uses))
        picture = LOSS_PICTURES_FOLDER / f"{entry.spec.name}.webp"
        there = entry.spec.kind == "losses" and (root / picture).exists()
        link = f"../../../pictures/alone/{picture.name}" if there else ""
        found[REFERENCE_FOLDER / "components" / component_page_path(entry)] = component_page(entry, uses, link)
    found[REFERENCE_FOLDER / "components/index.md"] = index_page(entries, used)
    found |= {REFERENCE_FOLDER / f"recipes/{recipe.name}.md": recipe_page(recipe) for recipe in recipes}
    nav = _replace_navigation(root, build_navigation(entries, [recipe.name for recipe in recipes]))
    written = {str(path.relative_to(root / "docs")): _read_text_if_present(path) for path in (root / "docs").rglob("*.md")}
    made = {str(path.relative_to("docs")): text for path, text in found.items()}
    return found | {MKDOCS_FILE: nav, LLMS_FILE: build_llms_text(nav, written | made)}


def find_stale_pages(root: Path) -> list[str]:
    """A line for each generated file that does not say what it should, or should not be there."""
    return [told for _, told in _iterate_stale_pages(root, generate_pages(root))]


def write_stale_pages(root: Path) -> list[str]:
    """Write what is stale and remove what describes nothing; a line for each."""
    wanted = generate_pages(root)
    changes = list(_iterate_stale_pages(root, wanted))
    for path, _ in changes:
        if path in wanted:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(wanted[path], encoding="utf-8")
        else:
            (root / path).unlink()
    return [told for _, told in changes]


def _iterate_stale_pages(root: Path, expected: Mapping[Path, str]) -> Iterator[tuple[Path, str]]:
    """Every file that is not as it should be, and what is wrong with it."""
    for path, text in expected.items():
        if _read_text_if_present(root / path) != text:
            yield path, f"{path} is stale"
    there = {path.relative_to(root) for path in (root / "docs").rglob("*.md") if GENERATED_MARK in _read_text_if_present(path)}
    for path in sorted(there - set(expected)):
        yield path, f"{path} describes nothing that there is"


def _replace_navigation(root: Path, lines: str) -> str:
    """mkdocs.yml with these lines between its two marks."""
    text = (root / MKDOCS_FILE).read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN_MARK)
    return before + BEGIN_MARK + lines + END_MARK + rest.partition(END_MARK)[2]


def _read_text_if_present(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
