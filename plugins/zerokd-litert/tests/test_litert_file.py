"""LiteRT computes PyTorch's pixels, from the file alone."""

import ctypes
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from zerokd_litert import litert_file as module
from zerokd_litert.litert_file import LiteRt, open_interpreter

from zerokd.errors import ExportError
from zerokd.exporters.c_auto_exposure import generate_auto_exposure_header
from zerokd.exporters.c_library import compile_source
from zerokd.exporters.pixel_program import measure_state
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.export import export_model
from zerokd.student.load import load_trained_model

MEASURE = """
int measure(const float *in, int width, int height, student_state *state) {
    return student_measure_f32(in, width, height, student_interleaved(width, 3), state);
}
"""
LOW = np.random.default_rng(0).random((3, 20, 30), np.float32) / 5


@pytest.mark.parametrize("name", ["fidelity", "teacher"])
def test_students_of_the_package(tmp_path, name):
    trained = load_trained_model(name, discover_plugins())
    result = export_model(trained, LiteRt(), tmp_path / "student.tflite")
    assert result.max_difference <= 2e-6
    assert [path.name for path in tmp_path.iterdir()] == ["student.tflite"]


def test_auto_exposure_computes_its_pixels_from_the_measured_state(tmp_path):
    trained = load_trained_model("best", discover_plugins())
    result = export_model(trained, LiteRt(), tmp_path / "student.tflite")
    assert result.max_difference <= 2e-6
    assert result.size < 50_000
    enhance = open_interpreter(tmp_path / "student.tflite")
    inputs = {name: array.transpose(1, 2, 0)[None] for name, array in measure_state(LOW, 0.54).items()}
    shapes = {name: array.shape for name, array in inputs.items()}
    maps = dict.fromkeys(("slope", "offset"), (1, 64, 64, 1))
    assert shapes == {"low": (1, 20, 30, 3), "state": (1, 1, 1, 8), **maps}
    bright = enhance(**inputs)
    inputs["state"] = inputs["state"] * np.float32([1, 1, 1, 1, 1, 0, 0, 1])  # neither a curve nor a lift
    assert np.array_equal(enhance(**inputs), inputs["low"])
    assert bright.mean() > inputs["low"].mean() + 0.2


def test_a_state_of_another_exposure_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "read_metadata", lambda path: {"exposure": 0.5})
    with pytest.raises(ExportError, match="differs from PyTorch"):
        export_model(load_trained_model("best", discover_plugins()), LiteRt(), tmp_path / "student.tflite")
    assert not any(tmp_path.iterdir())


def test_the_file_holds_its_provenance(tmp_path):
    from ai_edge_litert import schema_py_generated as schema

    export_model(load_trained_model("fidelity", discover_plugins()), LiteRt(), tmp_path / "student.tflite")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs((tmp_path / "student.tflite").read_bytes(), 0))
    assert "161 parameters" in model.description.decode()
    (entry,) = model.metadata
    assert entry.name == b"zerokd"
    assert json.loads(bytes(model.buffers[entry.buffer].data))["reach"] == 3


def test_it_runs_without_zerokd_and_without_torch(tmp_path):
    trained = load_trained_model("fidelity", discover_plugins())
    export_model(trained, LiteRt(), tmp_path / "student.tflite")
    low = np.random.default_rng(0).random((1, 20, 30, 3), np.float32)
    np.save(tmp_path / "low.npy", low)
    code = """
import numpy, sys
from ai_edge_litert.interpreter import Interpreter
interpreter, low = Interpreter("student.tflite"), numpy.load("low.npy")
interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], low.shape)
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], low)
interpreter.invoke()
numpy.save("bright.npy", interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    with torch.no_grad():
        exact = trained.model(torch.from_numpy(low.transpose(0, 3, 1, 2).copy()))["enhanced"].numpy()
    assert np.abs(np.load(tmp_path / "bright.npy").transpose(0, 3, 1, 2) - exact).max() <= 1e-5


def test_a_file_that_litert_cannot_read_is_an_error(tmp_path):
    (tmp_path / "student.tflite").write_bytes(b"no model")
    with pytest.raises(ValueError, match="Flatbuffer"):
        open_interpreter(tmp_path / "student.tflite")


def test_the_package_registers_its_exporter():
    assert discover_plugins().find("exporters", "litert").provider.name == "zerokd-litert"


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_the_struct_of_the_c_header_is_the_measured_state(tmp_path):
    """What `student_measure_f32` writes is copied to the inputs, as an app does."""
    trained = load_trained_model("best", discover_plugins())
    export_model(trained, LiteRt(), tmp_path / "student.tflite")
    text = generate_auto_exposure_header(trained.model, "student", "a test")
    compile_source(f"#define STUDENT_IMPLEMENTATION\n{text}{MEASURE}", tmp_path / "measure.so")
    fields, low = np.zeros(8 + 2 * 64 * 64, np.float32), np.ascontiguousarray(LOW.transpose(1, 2, 0))
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (low, fields)]
    assert ctypes.CDLL(str(tmp_path / "measure.so")).measure(pointers[0], 30, 20, pointers[1]) == 0
    enhanced = open_interpreter(tmp_path / "student.tflite")(
        low=low[None],
        state=fields[:8].reshape(1, 1, 1, 8),
        slope=fields[8 : 8 + 64 * 64].reshape(1, 64, 64, 1),
        offset=fields[8 + 64 * 64 :].reshape(1, 64, 64, 1),
    )
    with torch.no_grad():
        exact = trained.model(torch.from_numpy(LOW)[None])["enhanced"].numpy()
    assert np.abs(enhanced.transpose(0, 3, 1, 2) - exact).max() <= 2e-4
    assert enhanced.mean() > LOW.mean() + 0.2
