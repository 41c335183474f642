"""Every built-in component passes the checks that strangers pass."""

import pytest
import torch

from zerokd.plugin.discovery import discover_plugins
from zerokd.testing import collect_checks
from zerokd.testing.collection import find_undefined_known_failures

ENTRIES = [entry for entry in discover_plugins().entries if entry.provider.builtin]


@pytest.mark.parametrize("check", [check for entry in ENTRIES for check in collect_checks(entry)], ids=str)
def test_a_built_in_passes(check):
    check()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.qualified_name)
def test_known_failures_name_checks(entry):
    assert find_undefined_known_failures(entry) == []


def test_nothing_is_excused_but_what_is_not_ours():
    excused = [str(check) for entry in ENTRIES for check in collect_checks(entry) if check.known_failure]
    assert excused == [
        "onnx_model(file='teacher.onnx')-no_host_sync",
        "onnx_model(file='teacher.onnx')-moves",
        "onnx_model(file='teacher.onnx')-compiles",
        "torchscript_model(file='teacher.pt')-compiles",
        "torchscript-same_bytes",
    ]
    assert torch.get_default_dtype() == torch.float32
