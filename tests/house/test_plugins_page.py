"""docs/reference/plugins.md names every hook, record, class, declaration and check; its table of checks is made from
the rules.

``python -m tests.house.test_plugins_page`` writes it anew.
"""

import re

import pytest

import zerokd
from tests.conftest import ROOT
from zerokd.plugin.kinds import KINDS
from zerokd.testing import all_kinds
from zerokd.testing.collection import RULES_BY_KIND
from zerokd.testing.scenes import CORRUPTIONS, SCENES

PAGE = ROOT / "docs/reference/plugins.md"
BEGIN, END = "<!-- checks -->\n", "<!-- end of checks -->"


def table():
    """Each rule once, with the kinds that it is for, in the order of the kit."""
    kinds, about = {}, {}
    for kind, rules in RULES_BY_KIND.items():
        for rule in rules:
            key = (rule.name, rule.about)
            kinds.setdefault(key, []).append(KINDS[kind].singular)
    for rule in all_kinds.RULES:
        about[rule.name, rule.about] = ["all"]
    lines = ["| check | for | proves |", "|---|---|---|"]
    lines += [f"| `{name}` | {', '.join(names)} | {text} |" for (name, text), names in (about | kinds).items()]
    return "\n".join(lines) + "\n"


def shown():
    text = PAGE.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def test_the_table_of_checks_is_that_of_the_kit():
    assert shown() == table(), "python -m tests.house.test_plugins_page"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_row(kind):
    text = PAGE.read_text(encoding="utf-8")
    assert f"| `zerokd_{kind}` | `{KINDS[kind].spec_name}` | `{KINDS[kind].contract}` |" in text
    assert hasattr(zerokd, KINDS[kind].spec_name)


@pytest.mark.parametrize("word", [*SCENES, *CORRUPTIONS])
def test_every_scene_and_corruption_is_named(word):
    assert re.search(rf"`{word}`", PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    start = text.index(BEGIN) + len(BEGIN)
    PAGE.write_text(text[:start] + table() + text[text.index(END) :], encoding="utf-8")
