"""OpenVINO computes PyTorch's pixels, of the default student and of one with local pixels."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from zerokd_openvino.openvino_ir import OpenVino

from zerokd.plugin.discovery import discover_plugins
from zerokd.student.export import export_model
from zerokd.student.load import load_trained_model

openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'zerokd-openvino[runtime]'")


@pytest.mark.parametrize("name", ["best", "fidelity"])
def test_students_of_the_package(tmp_path, name):
    trained = load_trained_model(name, discover_plugins())
    result = export_model(trained, OpenVino(), tmp_path / "student.xml")
    assert result.max_difference <= 2e-6
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["student.bin", "student.xml"]
    assert result.size == sum(path.stat().st_size for path in files)


def test_files_hold_their_provenance_and_no_path(tmp_path):
    trained = load_trained_model("fidelity", discover_plugins())
    export_model(trained, OpenVino(), tmp_path / "student.xml")
    program = openvino.Core().read_model(tmp_path / "student.xml")
    facts = json.loads(program.get_rt_info(["framework", "zerokd"]).astype(str))
    assert facts["reach"] == 3
    assert "161 parameters" in program.get_rt_info(["framework", "description"]).astype(str)
    text = (tmp_path / "student.xml").read_text()
    assert ".onnx" not in text
    assert ".py" not in text


def test_half_precision_is_smaller_and_near(tmp_path):
    trained = load_trained_model("teacher", discover_plugins())
    full = export_model(trained, OpenVino(), tmp_path / "full.xml")
    half = export_model(trained, OpenVino(precision="float16"), tmp_path / "half.xml")
    assert full.max_difference < half.max_difference <= 5e-3
    assert (tmp_path / "half.bin").stat().st_size < 0.6 * (tmp_path / "full.bin").stat().st_size
    assert half.size < full.size


def test_it_runs_without_zerokd_and_without_torch(tmp_path):
    trained = load_trained_model("fidelity", discover_plugins())
    export_model(trained, OpenVino(), tmp_path / "student.xml")
    low = np.random.default_rng(0).random((1, 3, 20, 30), np.float32)
    np.save(tmp_path / "low.npy", low)
    code = """
import numpy, openvino, sys
program = openvino.Core().compile_model("student.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
numpy.save("bright.npy", program(numpy.load("low.npy"))["enhanced"])
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    with torch.no_grad():
        exact = trained.model(torch.from_numpy(low))["enhanced"].numpy()
    assert np.abs(np.load(tmp_path / "bright.npy") - exact).max() <= 1e-5
