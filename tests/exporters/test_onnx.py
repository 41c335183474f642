"""ONNX: one file for any size, with its provenance, in floats, halves and bytes."""

import copy
import json
import warnings

import numpy as np
import pytest
import torch

from zerokd.errors import ExportError
from zerokd.exporters import onnx as onnx_exporter
from zerokd.exporters.onnx import Onnx
from zerokd.models.auto_exposure import AutoExposure
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp
from zerokd.student.load import load_model

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def written(tmp_path, model, **options):
    exporter, path = Onnx(**options), tmp_path / "student.onnx"
    exporter.write(model.eval(), path, {"recipe": "paper", "architecture": {"use": "nano_dce", "config": {}}})
    return path, exporter


def dark(*shape):
    levels = np.random.default_rng(0).integers(0, 90, shape)
    return (levels / np.float32(255)).astype(np.float32)


@torch.no_grad()
def exact(model, low):
    return model(torch.from_numpy(low))["enhanced"].numpy()


def require_errors_for_images_without_pixels(model, run):
    """An empty batch is one; an image without rows or columns is an error, as in PyTorch, and no crash."""
    assert run(dark(0, 3, 8, 9)).shape == (0, 3, 8, 9)
    for shape in ((1, 3, 0, 8), (1, 3, 8, 0)):
        with pytest.raises(RuntimeError):
            exact(model, dark(*shape))
        with pytest.raises(Exception, match="INVALID_ARGUMENT"):
            run(dark(*shape))


def test_one_file_any_size_all_outputs_and_provenance(tmp_path):
    model = NanoDce()
    path, exporter = written(tmp_path, model)
    assert [path.name for path in tmp_path.iterdir()] == ["student.onnx"]
    graph = onnx.load(path).graph
    (graph_input,) = graph.input
    assert [axis.dim_param or axis.dim_value for axis in graph_input.type.tensor_type.shape.dim][1] == 3
    assert [output.name for output in graph.output] == ["enhanced", "curve_map"]
    facts = {prop.key: prop.value for prop in onnx.load(path).metadata_props}
    assert facts["description"].startswith("NanoDce, 161 parameters, trained by paper")
    assert json.loads(facts["zerokd"])["reach"] == 3
    assert json.loads(facts["zerokd"])["iterations"] == 4
    run = exporter.run(path)
    for shape in ((1, 3, 1, 1), (2, 3, 1, 5), (1, 3, 5, 1), (2, 3, 5, 9), (3, 3, 64, 33)):
        assert np.abs(run(dark(*shape)) - exact(model, dark(*shape))).max() <= 1e-5
    require_errors_for_images_without_pixels(model, run)


def test_the_file_tells_nothing_of_where_it_was_made(tmp_path):
    content = written(tmp_path, NanoDce())[0].read_bytes()
    assert b"stack_trace" not in content
    assert b".py" not in content
    assert len(content) < 10_000  # of 161 parameters


def test_a_model_that_scales_its_input(tmp_path):
    model = ZeroDcePp(width=4, scale_factor=4)
    path, exporter = written(tmp_path, model)
    for shape in ((1, 3, 3, 2), (2, 3, 40, 33)):
        assert np.abs(exporter.run(path)(dark(*shape)) - exact(model, dark(*shape))).max() <= 1e-5


def test_bytes_in_and_bytes_out(tmp_path):
    model = NanoDce()
    path, exporter = written(tmp_path, model, pixels="uint8")
    graph = onnx.load(path).graph
    assert (
        graph.input[0].type.tensor_type.elem_type
        == graph.output[0].type.tensor_type.elem_type
        == onnx.TensorProto.UINT8
    )
    low = dark(2, 3, 9, 14)
    enhanced = exporter.run(path)(low)
    assert np.abs(enhanced - exact(model, low)).max() <= 0.5 / 255 + 1e-5
    assert np.allclose(enhanced * 255, np.rint(enhanced * 255), atol=1e-4)
    one_pixel = dark(1, 3, 1, 1)
    assert np.abs(exporter.run(path)(one_pixel) - exact(model, one_pixel)).max() <= 0.5 / 255 + 1e-5
    require_errors_for_images_without_pixels(model, exporter.run(path))


@pytest.mark.parametrize(("precision", "most"), [("float16", 2e-3), ("int8", 0.02)])
def test_lower_precision_is_near(tmp_path, precision, most):
    torch.manual_seed(0)
    model = NanoDce()
    path, exporter = written(tmp_path, model, precision=precision)
    low = dark(1, 3, 48, 64)
    difference = np.abs(exporter.run(path)(low) - exact(model, low)).max()
    assert 0 < difference <= most <= exporter.tolerance


def test_products_of_8_bit_weights_do_not_overflow(tmp_path):
    """Where a processor has no VNNI, two products of 8-bit weights overflow: .17 for this student."""
    model = load_model("fidelity")
    path, exporter = written(tmp_path, model, precision="int8")
    low = np.random.default_rng(0).random((1, 3, 64, 48), np.float32)
    assert np.abs(exporter.run(path)(low) - exact(model, low)).max() <= 0.03


@pytest.fixture
def one_export_each(monkeypatch):
    """Each network is exported once, before its numbers become shorter."""
    export, graphs = onnx_exporter._export_onnx, {}

    def export_once(module, *options):
        if module not in graphs:
            graphs[module] = export(module, *options)
        return copy.deepcopy(graphs[module])

    monkeypatch.setattr(onnx_exporter, "_export_onnx", export_once)


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_a_file_that_lower_precision_makes_larger_says_so(tmp_path, precision, one_export_each):
    small, wide = NanoDce(), ZeroDcePp(width=64)
    large = written(tmp_path, small)[0].stat().st_size
    with pytest.warns(UserWarning, match=rf"^{precision} makes the file larger, [\d,]+ bytes instead of [\d,]+"):
        path, _ = written(tmp_path, small, precision=precision)
    assert path.stat().st_size > large
    large = written(tmp_path, wide)[0].stat().st_size
    with warnings.catch_warnings(action="error", category=UserWarning):
        path, _ = written(tmp_path, wide, precision=precision)
    assert path.stat().st_size < 0.8 * large


def test_a_file_for_tiles_is_refused_before_the_export_of_a_model_that_measures(tmp_path):
    with pytest.raises(ExportError, match="no tiles for a model that measures the whole image"):
        Onnx(tiles=True).write(AutoExposure(), tmp_path / "student.onnx", {})
    assert not list(tmp_path.iterdir())
