"""Every problem of a machine is named, with its fix."""

import json
import os
import shutil
from types import SimpleNamespace

import pytest

from zerokd.describe import doctor
from zerokd.plugin.catalogue import BrokenPlugin, Catalogue, Provider


def stub(folder, name, text):
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(text)


def by_name(checks):
    return {check.name: check for check in checks}


def test_here_nothing_fails(tmp_path):
    checks = doctor.check_machine(Catalogue(), tmp_path, tmp_path / "cache")
    assert not doctor.has_failures(checks), doctor.describe_checks(checks)
    named = by_name(checks)
    assert named["torch"].state == named["import torch"].state == "ok"
    assert named["VGG-19 weights"].state == "warn"
    assert json.loads(json.dumps(doctor.checks_to_json(checks)))[0]["what"] == "Python"
    assert doctor.describe_checks(checks).splitlines()[-1].endswith("0 failures")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('raise RuntimeError("operator torchvision::nms does not exist")', "torchvision::nms does not exist"),
        ("import os; os._exit(7)", "its process ended with 7"),
    ],
)
def test_a_torchvision_of_another_torch_is_found(tmp_path, monkeypatch, text, detail):
    stub(tmp_path, "torchvision", text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check = doctor._check_torchvision()
    assert check.state == "warn"
    assert detail in check.detail
    assert "pip install --force-reinstall torch torchvision" in check.fix


def test_a_torch_that_cannot_be_imported_fails_everything(tmp_path, monkeypatch):
    stub(tmp_path, "torch", 'raise OSError("libtorch_cpu.so: cannot open shared object file")')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check = doctor._check_torch()
    assert check.state == "FAIL"
    assert "libtorch_cpu.so" in check.detail


@pytest.mark.parametrize(
    ("requirement", "state", "detail"),
    [
        ("torch>=999", "FAIL", ">=999 is required"),
        ("no-such-package>=1", "FAIL", "no-such-package is not installed"),
        ("attrs>=1", "ok", ""),
        ('no-such-package>=1; extra == "sweep"', "warn", "no-such-package is not installed"),
        ('attrs>=1; extra == "sweep"', "ok", "installed"),
    ],
)
def test_packages_are_held_to_what_is_asked_of_them(requirement, state, detail):
    (check,) = doctor._check_requirements([requirement])
    assert check.state == state
    assert detail in check.detail
    assert (state == "ok") == (not check.fix)


@pytest.mark.parametrize(("free", "state"), [(10 << 30, "ok"), (500 << 20, "warn"), (1 << 20, "FAIL")])
def test_room_on_the_disk(tmp_path, monkeypatch, free, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert doctor._check_disk_space(tmp_path).state == state


@pytest.mark.parametrize(
    ("name", "state"), [("working folder", "FAIL"), ("temporary folder", "FAIL"), ("cache folder", "warn")]
)
def test_a_folder_that_cannot_be_written(tmp_path, name, state):
    (tmp_path / "file").write_text("")
    check = doctor._check_writable(name, tmp_path / "file" / "below")
    assert (check.state, bool(check.fix)) == (state, True)
    assert os.listdir(tmp_path) == ["file"]


def test_broken_plugins_are_told(tmp_path):
    catalogue = Catalogue(broken_plugins=(BrokenPlugin(Provider("bad", "1.0"), "ImportError: no"),))
    (check,) = doctor._check_plugins(catalogue)
    assert (check.state, check.name, check.detail) == ("warn", "plugin bad 1.0", "ImportError: no")


def test_kept_weights_are_seen(tmp_path):
    (tmp_path / "vgg19-dcbb9e9d-7.safetensors").write_bytes(b"")
    assert doctor._check_perceptual_weights(tmp_path).state == "ok"


def test_sources_that_are_not_installed_are_said_to_be(tmp_path, monkeypatch):
    def unknown(name):
        raise doctor.PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "requires", unknown)
    named = by_name(doctor.check_machine(Catalogue(), tmp_path, tmp_path / "cache"))
    assert named["package zerokd"].state == "warn"
    assert "not installed" in named["package zerokd"].detail
