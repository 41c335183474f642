"""All generated pages of the site, and which of them are stale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.site.catalogue import build_navigation, component_page_path, index_page, packages_page, read_packages
from tools.site.command_line import command_line_page
from tools.site.component import component_page
from tools.site.errors import errors_page
from tools.site.libraries import find_wrapped_losses, libraries_page
from tools.site.loss_catalogue import losses_page
from tools.site.markdown import GENERATED_MARK
from tools.site.llms_text import build_llms_text
from tools.site.python_api import hooks_page, python_api_page
from tools.site.recipe_format import recipe_format_page
from tools.site.recipes import find_usages, read_shipped_recipes, recipe_page, recipes_page
from zerokd.errors import DataError, Problem
from zerokd.files.atomic import write_text
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.kinds import KINDS

REFERENCE_FOLDER = Path("docs/reference")
LOSS_PICTURES_FOLDER = Path("docs/pictures/alone")
LOSS_PICTURES = Path("docs/pictures/losses")  # of the catalogue
LIBRARIES_FILE = Path("docs/results/libraries.md")
LLMS_FILE = Path("docs/llms.txt")
MKDOCS_FILE, BEGIN_MARK, END_MARK = Path("mkdocs.yml"), "      # generated\n", "      # end of generated\n"


def find_first_party_entries(root: Path) -> list[CatalogueEntry]:
    """Built-in components, and those of the packages below plugins/.

    Raises:
        DataError: a package is not installed.
    """
    catalogue = discover_plugins()
    names = {name for name, project in read_packages(root).items() if "entry-points" in project}
    entries = [entry for kind in KINDS for entry in catalogue.for_kind(kind)]
    missing = sorted(names - {entry.provider.name for entry in entries})
    if missing:
        hint = "pip install " + " ".join(f"--editable plugins/{name}" for name in missing)
        raise DataError(Problem(f"not installed: {', '.join(missing)}; pages are generated from installed packages", hints=(hint,)))
    return [entry for entry in entries if entry.provider.builtin or entry.provider.name in names]


def generate_pages(root: Path) -> dict[Path, str]:
    """Every generated file by its path from the root folder."""
    entries, recipes = find_first_party_entries(root), read_shipped_recipes(root)
    pages = {
        REFERENCE_FOLDER / "command_line.md": command_line_page(),
        REFERENCE_FOLDER / "errors.md": errors_page(),
        REFERENCE_FOLDER / "recipe.md": recipe_format_page(),
        REFERENCE_FOLDER / "python.md": python_api_page(),
        REFERENCE_FOLDER / "hooks.md": hooks_page(),
        REFERENCE_FOLDER / "packages.md": packages_page(entries, root),
        REFERENCE_FOLDER / "losses.md": losses_page(entries, root),
        REFERENCE_FOLDER / "recipes/index.md": recipes_page(recipes),
    }
    if find_wrapped_losses(entries):
        pages[LIBRARIES_FILE] = libraries_page(entries)
    recipe_names: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        usages = find_usages(entry, recipes, "../../recipes")
        recipe_names[entry.spec.kind, entry.qualified_name] = list(dict.fromkeys(usage.title.removesuffix(".toml") for usage in usages))
        image = LOSS_PICTURES_FOLDER / f"{entry.spec.name}.webp"
        has_image = entry.spec.kind == "losses" and (root / image).exists()
        link = f"../../../pictures/alone/{image.name}" if has_image else ""
        pages[REFERENCE_FOLDER / "components" / component_page_path(entry)] = component_page(entry, usages, link)
    pages[REFERENCE_FOLDER / "components/index.md"] = index_page(entries, recipe_names)
    pages |= {REFERENCE_FOLDER / f"recipes/{recipe.name}.md": recipe_page(recipe) for recipe in recipes}
    nav = _replace_navigation(root, build_navigation(entries, [recipe.name for recipe in recipes]))
    handwritten = {str(path.relative_to(root / "docs")): _read_text_if_present(path) for path in (root / "docs").rglob("*.md")}
    generated = {str(path.relative_to("docs")): text for path, text in pages.items()}
    return pages | {MKDOCS_FILE: nav, LLMS_FILE: build_llms_text(nav, handwritten | generated)}


def find_stale_pages(root: Path) -> list[str]:
    """A line for each generated file that is stale or orphaned."""
    return [text for _, text in _iterate_stale_pages(root, generate_pages(root))]


def write_stale_pages(root: Path) -> list[str]:
    """Write stale pages and delete orphaned ones; return a line for each."""
    pages = generate_pages(root)
    changes = list(_iterate_stale_pages(root, pages))
    for path, _ in changes:
        if path in pages:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            write_text(root / path, pages[path])
        else:
            (root / path).unlink()
    return [text for _, text in changes]


def _iterate_stale_pages(root: Path, expected: Mapping[Path, str]) -> Iterator[tuple[Path, str]]:
    """Every stale or orphaned file, and what is wrong with it."""
    for path, text in expected.items():
        if _read_text_if_present(root / path) != text:
            yield path, f"{path} is stale"
    existing = {path.relative_to(root) for path in (root / "docs").rglob("*.md") if GENERATED_MARK in _read_text_if_present(path)}
    for path in sorted(existing - set(expected)):
        yield path, f"{path} is orphaned"


def _replace_navigation(root: Path, lines: str) -> str:
    """The text of mkdocs.yml with these lines between its marks."""
    text = (root / MKDOCS_FILE).read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN_MARK)
    return before + BEGIN_MARK + lines + END_MARK + rest.partition(END_MARK)[2]


def _read_text_if_present(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
