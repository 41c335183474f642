"""The page of a component: everything that it declares, in its place."""

import pytest

from tools.site.component import Usage, component_page, split_sections
from zerokd.plugin.discovery import discover_plugins

CATALOGUE = discover_plugins()


def page(kind, name, *usages, image=""):
    return component_page(CATALOGUE.find(kind, name), usages, image)


def test_a_docstring_comes_apart_at_its_sections():
    sections = split_sections(
        "Rewards it.\n\nFormula: $x$, with x.\nSource: a paper: its name.\n\nExample:\n    >>> 1\n    1"
    )
    assert sections == {
        "": "Rewards it.",
        "Formula": "$x$, with x.",
        "Source": "a paper: its name.",
        "Example": ">>> 1\n1",
    }


def test_a_formula_that_opens_its_section_stands_by_itself():
    text = page("losses", "mse")
    assert "## Formula\n\n$$\n\\frac{1}{CHW}\\sum_{c,i,j}(p_{cij} - t_{cij})^2\n$$\n" in text
    assert "$$\n\n$o_p$ and $e_p$ the means" in page("losses", "multi_region_exposure")


def test_ports_config_and_bounds():
    text = page("losses", "multi_region_exposure")
    assert "| `enhanced` | the enhanced image | (N, C, H, W) | [0, 1] | yes | `student.enhanced` | `low` |" in text
    assert "| `patch` | integer | `8` | `[1, 1024]` | side of a patch, pixels |" in text
    assert "Values are in [0, 2]." in text
    assert "dB; higher is better." in page("metrics", "psnr")


def test_where_it_is_used_a_recipe_once():
    places = (
        Usage("a.md", "a.toml", "terms.x.y"),
        Usage("a.md", "a.toml", "terms.x.z"),
        Usage("b.md", "b.toml", "data"),
    )
    sentence = "Used by [a.toml](a.md) as `terms.x.y`, `terms.x.z`; [b.toml](b.md) as `data`."
    assert sentence in page("losses", "mse", *places)
    assert "No shipped recipe uses it." in page("losses", "mse")


def test_its_picture_only_where_there_is_one():
    assert "](../x.webp)" in page("losses", "mse", image="../x.webp")
    assert "Effect of this loss alone" not in page("losses", "mse")


@pytest.mark.parametrize("entry", CATALOGUE.entries, ids=lambda entry: f"{entry.spec.kind}-{entry.spec.name}")
def test_every_component_has_a_page_without_the_marks_of_a_docstring(entry):
    text = component_page(entry, ())
    assert text.startswith(f"# {entry.spec.name}\n")
    assert "```toml" in text or "```console" in text
    prose = "".join(text.split("```")[::2])
    assert "``" not in prose
    assert ":func:" not in prose
    assert prose.count("$$") in (0, 2)
