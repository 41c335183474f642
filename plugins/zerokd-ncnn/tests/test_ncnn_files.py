"""ncnn computes PyTorch's pixels, from the files alone."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from zerokd_ncnn import ncnn_files as module
from zerokd_ncnn.ncnn_files import Ncnn, extract_image, open_network

from zerokd.errors import ExportError
from zerokd.exporters.pixel_program import measure_state
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.export import export_model
from zerokd.student.load import load_trained_model


@pytest.mark.parametrize("name", ["fidelity", "teacher"])
def test_students_of_the_package(tmp_path, name):
    trained = load_trained_model(name, discover_plugins())
    result = export_model(trained, Ncnn(), tmp_path / "student.param")
    assert result.max_difference <= 2e-6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["student.ncnn.bin", "student.param"]
    assert (tmp_path / "student.ncnn.bin").stat().st_size < 4 * trained.model.parameter_count() + 100


def test_the_weights_of_another_format_stay(tmp_path):
    (tmp_path / "student.bin").write_text("of OpenVINO")
    export_model(load_trained_model("fidelity", discover_plugins()), Ncnn(), tmp_path / "student.param")
    assert (tmp_path / "student.bin").read_text() == "of OpenVINO"


def test_auto_exposure_computes_its_pixels_from_the_measured_state(tmp_path):
    trained = load_trained_model("best", discover_plugins())
    result = export_model(trained, Ncnn(), tmp_path / "student.param")
    assert result.max_difference <= 2e-6
    assert result.size < 30_000
    network = open_network(tmp_path / "student.param")
    inputs = measure_state(np.random.default_rng(0).random((3, 20, 30), np.float32) / 5, 0.54)
    bright = extract_image(network, **inputs)
    inputs["state"] = inputs["state"] * np.float32([1, 1, 1, 1, 1, 0, 0, 1])[:, None, None]  # neither curve nor lift
    assert np.abs(extract_image(network, **inputs) - inputs["low"]).max() <= 1e-7  # ncnn divides by a reciprocal
    assert bright.mean() > inputs["low"].mean() + 0.2


def test_a_state_of_another_exposure_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "measure_state", lambda image, exposure: measure_state(image, 0.5))
    with pytest.raises(ExportError, match="differs from PyTorch"):
        export_model(load_trained_model("best", discover_plugins()), Ncnn(), tmp_path / "student.param")
    assert not any(tmp_path.iterdir())


def test_it_runs_without_zerokd_and_without_torch(tmp_path):
    trained = load_trained_model("fidelity", discover_plugins())
    export_model(trained, Ncnn(), tmp_path / "student.param")
    low = np.random.default_rng(0).random((3, 20, 30), np.float32)
    np.save(tmp_path / "low.npy", low)
    code = """
import ncnn, numpy, sys
network = ncnn.Net()
network.opt.use_fp16_storage = network.opt.use_fp16_packed = network.opt.use_fp16_arithmetic = False
network.load_param("student.param")
network.load_model("student.ncnn.bin")
extractor = network.create_extractor()
low = numpy.load("low.npy")
extractor.input("low", ncnn.Mat(low).clone())
numpy.save("bright.npy", numpy.array(extractor.extract("enhanced")[1]))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    with torch.no_grad():
        exact = trained.model(torch.from_numpy(low)[None])["enhanced"][0].numpy()
    assert np.abs(np.load(tmp_path / "bright.npy") - exact).max() <= 1e-5


def test_files_that_ncnn_cannot_read_are_an_error(tmp_path):
    (tmp_path / "student.param").write_text("7767517\n")
    with pytest.raises(ValueError, match="ncnn cannot read"):
        open_network(tmp_path / "student.param")


def test_the_package_registers_its_exporter():
    assert discover_plugins().find("exporters", "ncnn").provider.name == "zerokd-ncnn"
