import re

import zerokd
from tools.site.python_api import EXCLUDED_NAMES, hooks_page, python_api_page
from zerokd.plugin.kinds import KINDS


def test_every_public_name_is_on_the_page_once():
    text = python_api_page()
    named = re.findall(r"^::: zerokd\.(\w+)$", text, re.M) + re.findall(r"`(\w+Spec)`", text)
    assert sorted(named) == sorted(set(zerokd.__all__) - set(EXCLUDED_NAMES))


def test_every_hook_has_a_heading_and_its_record_and_contract():
    text = hooks_page()
    assert re.findall(r"^## (\w+)$", text, re.M) == [f"zerokd_{kind}" for kind in KINDS]
    for plural, kind in KINDS.items():
        section = text.split(f"## zerokd_{plural}\n")[1].split("\n## ")[0]
        assert f"zerokd.{kind.spec_name}(" in section
        assert f"#zerokd.{kind.contract})" in section
