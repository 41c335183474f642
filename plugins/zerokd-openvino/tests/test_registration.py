"""The package without OpenVINO."""

import sys

import pytest
from zerokd_openvino.openvino_ir import OpenVino

from zerokd.errors import ExportError
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.export import export_model
from zerokd.student.load import load_trained_model


def test_the_package_registers_its_exporter():
    entry = discover_plugins().find("exporters", "openvino")
    assert entry.provider.name == "zerokd-openvino"


def test_without_openvino_the_export_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    trained = load_trained_model("fidelity", discover_plugins())
    with pytest.raises(ExportError) as raised:
        export_model(trained, OpenVino(), tmp_path / "student.xml")
    assert "pip install openvino" in str(raised.value)
    assert not any(tmp_path.iterdir())
