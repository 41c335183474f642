"""A check passes, fails with a reason, or is known to fail and must go on failing."""

import threading

import pytest
import torch

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


class Network(zerokd.Loss):
    built = 0

    def __init__(self, **options):
        super().__init__()
        type(self).built += 1
        self.weight = torch.nn.Parameter(torch.ones(2))


def test_copies_are_independent_and_one_instance_is_built_for_them():
    component = type("Counted", (Network,), {})
    subject = Subject(check(holds).subject.entry, component, {})
    first, second = subject.copy(), subject.copy()
    first.weight.data.mul_(2)
    assert (second.weight.tolist(), component.built) == ([1.0, 1.0], 1)
    assert subject.build() is not subject.build()
    assert component.built == 3


def test_what_cannot_be_copied_is_built_again():
    class Locked(Network):
        def __init__(self, **options):
            super().__init__(**options)
            self.lock = threading.Lock()

    subject = Subject(check(holds).subject.entry, Locked, {})
    assert subject.copy() is not subject.copy()


def test_rules_share_what_they_compute_once():
    calls = []

    def measure(subject):
        calls.append(subject)
        return len(calls)

    subject = check(holds).subject
    assert (subject.compute_once(measure), subject.compute_once(measure)) == (1, 1)
    assert calls == [subject]
