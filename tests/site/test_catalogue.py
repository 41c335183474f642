from tests.conftest import ROOT
from tools.site.catalogue import build_navigation, component_page_path, index_page, packages_page
from zerokd.plugin.discovery import discover_plugins

ENTRIES = list(discover_plugins().entries)
USED = {(entry.spec.kind, entry.qualified_name): [] for entry in ENTRIES}


def test_every_component_has_its_row():
    text = index_page(ENTRIES, USED | {("losses", "zerokd:mse"): ["paper", "best"]})
    row = (
        "| [mse](losses/mse.md) | loss | mean squared difference of two tensors | `prediction` | paper, best | zerokd |"
    )
    assert row in text
    assert text.count("](losses/") == len([entry for entry in ENTRIES if entry.spec.kind == "losses"])
    assert 'class="filter"' in text


def test_the_navigation_has_every_page_once():
    lines = build_navigation(ENTRIES, ["paper"])
    assert all(lines.count(f"reference/components/{component_page_path(entry)}\n") == 1 for entry in ENTRIES)
    assert "          - paper.toml: reference/recipes/paper.md\n" in lines


def test_a_package_says_what_it_is():
    text = packages_page(ENTRIES, ROOT)
    assert "## zerokd-retinex\n\nA tiny Retinex enhancer for zerokd" in text
    assert "$ pip install --editable plugins/zerokd-retinex" in text
