"""The rules of this file are all in the kit; their planted defects stand beside the kinds that they are for."""

from zerokd.testing import all_kinds
from zerokd.testing.collection import RULES_BY_KIND, rules_for_kind


def test_every_rule_is_used_and_says_what_it_proves():
    used = [one for kind in RULES_BY_KIND for one in rules_for_kind(kind)]
    assert all(one in used for one in all_kinds.RULES)
    assert all(len(one.about) > 15 and not one.about.endswith(".") for one in all_kinds.RULES)
