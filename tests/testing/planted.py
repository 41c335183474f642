"""Components with one planted defect each, tried by the kit."""

import warnings

from zerokd.plugin.catalogue import CatalogueEntry, Provider
from zerokd.plugin.kinds import Spec
from zerokd.testing.check import Check, CheckError, Subject
from zerokd.testing.collection import rules_for_kind


def checks(kind, component, options=None, summary="a test component"):
    """The checks of a class that is registered nowhere."""
    entry = CatalogueEntry(Spec("planted", kind=kind, target="nowhere:Planted", summary=summary), Provider("test"))
    subject = Subject(entry, component, options or {})
    return [Check(rule, subject) for rule in rules_for_kind(kind) if rule.applies(subject)]


def failing(kind, component, options=None, summary="a test component"):
    """The names of the checks that fail, with what each says."""
    failures = {}
    for check in checks(kind, component, options, summary):
        try:
            with warnings.catch_warnings(action="ignore"):
                check()
        except CheckError as error:
            failures[check.name] = str(error)
    return failures
