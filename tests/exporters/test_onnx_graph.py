"""The graph in an ONNX file: axes have names, in all files."""

import pytest
import torch

from zerokd.exporters.onnx import Onnx
from zerokd.models.auto_exposure import AutoExposure
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
MODELS = {
    "nano_dce": NanoDce,
    "auto_exposure": AutoExposure,
    "scaled": lambda: ZeroDcePp(width=4, scale_factor=2),
}


@pytest.mark.parametrize(
    ("name", "pixels"), [("nano_dce", "float"), ("nano_dce", "uint8"), ("auto_exposure", "float"), ("scaled", "float")]
)
def test_axes_have_names(tmp_path, name, pixels):
    Onnx(pixels=pixels).write(MODELS[name]().eval(), tmp_path / "student.onnx", {})
    graph = onnx.load(tmp_path / "student.onnx").graph
    expected = ["batch", 3, "height", "width"] if pixels == "float" else ["batch", "height", "width", 3]
    for value in (*graph.input, *graph.output):
        names = [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        if value.name == "curve_map" and name == "scaled":
            assert names[:2] == ["batch", 3]
            assert "height" in names[2]
        else:
            assert names == expected, value.name


def test_no_line_of_the_source_is_left(tmp_path):
    Onnx().write(NanoDce().eval(), tmp_path / "student.onnx", {})
    graph = onnx.load(tmp_path / "student.onnx").graph
    assert not any(node.metadata_props for node in graph.node)
    assert not graph.value_info


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_int8_has_learned_layers_and_leaves_fixed_filters_as_they_are(tmp_path, precision):
    class Smoothed(NanoDce):
        def forward(self, low):
            kernel = low.new_full((3, 1, 3, 3), 1 / 9)
            return super().forward(torch.nn.functional.conv2d(low, kernel, padding=1, groups=3))

    Onnx(precision=precision).write(Smoothed().eval(), tmp_path / "student.onnx", {})
    graph = onnx.load(tmp_path / "student.onnx").graph
    quantised = {output for node in graph.node if node.op_type == "DequantizeLinear" for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    fixed = [node for node in convolutions if node.input[1] not in quantised]
    assert len(convolutions) == 1 + 2 * 3  # depthwise and pointwise of three layers
    assert len(fixed) == (1 if precision == "int8" else len(convolutions))
