"""The rules of this file are all in the kit; their planted defects stand beside the kinds that they are for."""

from zerokd.testing import all_kinds
from zerokd.testing.collection import RULES_BY_KIND, rules_for_kind


def test_every_rule_is_used_and_says_what_it_proves():
    used = [rule for kind in RULES_BY_KIND for rule in rules_for_kind(kind)]
    assert all(rule in used for rule in all_kinds.RULES)
    assert all(len(rule.about) > 15 and not rule.about.endswith(".") for rule in all_kinds.RULES)
