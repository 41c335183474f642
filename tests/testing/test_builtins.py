"""Every built-in component passes the checks that strangers pass."""

import pytest
import torch

from zerokd.plugin.host import discover
from zerokd.testing import checks_of
from zerokd.testing.kit import unknown_failures

ENTRIES = [entry for entry in discover().entries if entry.provider.builtin]


@pytest.mark.parametrize("check", [check for entry in ENTRIES for check in checks_of(entry)], ids=str)
def test_a_built_in_passes(check):
    check()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.qualified)
def test_known_failures_name_checks(entry):
    assert unknown_failures(entry) == []


def test_nothing_is_excused_but_what_is_not_ours():
    excused = [str(check) for entry in ENTRIES for check in checks_of(entry) if check.known]
    assert excused == ["torchscript-same_bytes"]
    assert torch.get_default_dtype() == torch.float32
