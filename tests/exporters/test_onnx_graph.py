"""The graph in an ONNX file: axes have names, in all files."""

import pytest

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
    assert not any(node.metadata_props for node in onnx.load(tmp_path / "student.onnx").graph.node)
