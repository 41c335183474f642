"""The checks as pytest items, with no test file."""

import re

from tests.command import run_pytest


def pytest_with(*arguments, cwd):
    return run_pytest("-p", "zerokd.testing.pytest_plugin", "-q", "-p", "no:cacheprovider", *arguments, cwd=cwd)


def test_a_component_is_checked_by_name(tmp_path):
    completed = pytest_with("--conformance", "mse", "--conformance", "linear", "-vv", cwd=tmp_path)
    assert completed.returncode == 0, completed.stdout
    assert "mse-batch_order" in completed.stdout
    assert re.search(r"linear\(from=.*\)-pure PASSED", completed.stdout)


def test_an_unknown_name_is_a_usage_error(tmp_path):
    completed = pytest_with("--conformance", "nothing", cwd=tmp_path)
    assert completed.returncode == 4
    assert "no plugin and no component is called 'nothing'" in completed.stderr


def test_without_names_nothing_changes(tmp_path):
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n")
    completed = pytest_with(cwd=tmp_path)
    assert completed.returncode == 0
    assert "1 passed" in completed.stdout
