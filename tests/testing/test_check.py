"""A check passes, fails with a reason, or is known to fail and must go on failing."""

import pytest

import zerokd
from zerokd.plugin.catalogue import CatalogueEntry, Provider
from zerokd.testing.check import Check, CheckError, Subject, require, rule


@rule()
def holds(subject):
    """it holds"""
    require(subject.options["good"], "it does not")


@rule()
def crashes(subject):
    """it does not crash"""
    raise ZeroDivisionError("by nothing")


def check(which, good=True, known=()):
    component = type("Thing", (zerokd.Loss,), {"known_failures": dict.fromkeys(known, "no time yet")})
    entry = CatalogueEntry(zerokd.LossSpec("thing", target="a:B", summary="a test"), Provider("mine"))
    return Check(which, Subject(entry, component, {"good": good}))


def test_names():
    assert str(check(holds)) == "thing(good=True)-holds"
    assert holds.about == "it holds"


def test_it_passes_or_says_why_not():
    check(holds)()
    with pytest.raises(CheckError, match=r"thing\(good=False\) breaks holds \(it holds\): it does not"):
        check(holds, good=False)()
    with pytest.raises(CheckError, match=r"breaks crashes .*: ZeroDivisionError: by nothing"):
        check(crashes)()


def test_a_known_failure_is_strict():
    check(holds, good=False, known=["holds"])()
    with pytest.raises(CheckError, match=r"declared as a known failure .* but it passes: remove it"):
        check(holds, known=["holds"])()
