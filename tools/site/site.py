"""All generated pages of the site: what they should say, and which of them do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.site.catalogue import index_page, navigation, packages, packages_page, path_of
from tools.site.command_line import command_line_page
from tools.site.component import component_page
from tools.site.errors import errors_page
from tools.site.markdown import MADE
from tools.site.overview import overview
from tools.site.python_api import hooks_page, python_api_page
from tools.site.recipe_format import recipe_format_page
from tools.site.recipes import places, recipe_page, recipes_page, shipped
from zerokd.errors import DataError, Problem
from zerokd.plugin.catalogue import Entry
from zerokd.plugin.host import discover
from zerokd.plugin.specs import KINDS

REFERENCE = Path("docs/reference")
PICTURES = Path("docs/pictures/alone")
OVERVIEW = Path("docs/llms.txt")
NAVIGATION, BEGIN, END = Path("mkdocs.yml"), "      # generated\n", "      # end of generated\n"


def first_party(root: Path) -> list[Entry]:
    """Built-in components and those that packages below plugins/ bring, which have to be installed.

    Raises:
        DataError: some package is not.
    """
    catalogue = discover()
    names = {name for name, project in packages(root).items() if "entry-points" in project}
    known = [one for kind in KINDS for one in catalogue.of(kind)]
    missing = sorted(names - {one.provider.name for one in known})
    if missing:
        hint = "pip install " + " ".join(f"--editable plugins/{name}" for name in missing)
        raise DataError(Problem(f"pages are made from what is installed: {', '.join(missing)} is not", hints=(hint,)))
    return [one for one in known if one.provider.builtin or one.provider.name in names]


def pages(root: Path) -> dict[Path, str]:
    """Every generated file by its path from the project's root."""
    entries, recipes = first_party(root), shipped(root)
    found = {
        REFERENCE / "command_line.md": command_line_page(),
        REFERENCE / "errors.md": errors_page(),
        REFERENCE / "recipe.md": recipe_format_page(),
        REFERENCE / "python.md": python_api_page(),
        REFERENCE / "hooks.md": hooks_page(),
        REFERENCE / "packages.md": packages_page(entries, root),
        REFERENCE / "recipes/index.md": recipes_page(recipes),
    }
    used: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        uses = places(entry, recipes, "../../recipes")
        used[entry.spec.kind, entry.qualified] = list(dict.fromkeys(one.title.removesuffix(".toml") for one in uses))
        picture = PICTURES / f"{entry.spec.name}.webp"
        there = entry.spec.kind == "losses" and (root / picture).exists()
        link = f"../../../pictures/alone/{picture.name}" if there else ""
        found[REFERENCE / "components" / path_of(entry)] = component_page(entry, uses, link)
    found[REFERENCE / "components/index.md"] = index_page(entries, used)
    found |= {REFERENCE / f"recipes/{one.name}.md": recipe_page(one) for one in recipes}
    nav = _with_navigation(root, navigation(entries, [one.name for one in recipes]))
    written = {str(path.relative_to(root / "docs")): _text(path) for path in (root / "docs").rglob("*.md")}
    made = {str(path.relative_to("docs")): text for path, text in found.items()}
    return found | {NAVIGATION: nav, OVERVIEW: overview(nav, written | made)}


def stale(root: Path) -> list[str]:
    """A line for each generated file that does not say what it should, or should not be there."""
    return [told for _, told in _changes(root, pages(root))]


def write(root: Path) -> list[str]:
    """Write what is stale and remove what describes nothing; a line for each."""
    wanted = pages(root)
    changes = list(_changes(root, wanted))
    for path, _ in changes:
        if path in wanted:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(wanted[path], encoding="utf-8")
        else:
            (root / path).unlink()
    return [told for _, told in changes]


def _changes(root: Path, wanted: Mapping[Path, str]) -> Iterator[tuple[Path, str]]:
    """Every file that is not as it should be, and what is wrong with it."""
    for path, text in wanted.items():
        if _text(root / path) != text:
            yield path, f"{path} is stale"
    there = {path.relative_to(root) for path in (root / "docs").rglob("*.md") if MADE in _text(path)}
    for path in sorted(there - set(wanted)):
        yield path, f"{path} describes nothing that there is"


def _with_navigation(root: Path, lines: str) -> str:
    """mkdocs.yml with these lines between its two marks."""
    text = (root / NAVIGATION).read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + lines + END + rest.partition(END)[2]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
