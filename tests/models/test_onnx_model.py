"""An ONNX file equals PyTorch: what zerokd wrote, what others wrote; what is no such file is refused."""

import sys

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from tests.models.test_model_file import image, write
from zerokd.errors import RecipeError, WeightsError
from zerokd.exporters.onnx import Onnx
from zerokd.models.nano_dce import NanoDce
from zerokd.models.onnx_model import OnnxModel

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "teacher.onnx"


def test_it_reads_what_zerokd_wrote(path):
    student = NanoDce().eval()
    Onnx().write(student, path, {})
    model = OnnxModel(file=str(path))
    assert {*model.outputs()} == {*student.outputs()}
    for shape in ((2, 3, 17, 9), (1, 3, 1, 1), (3, 3, 64, 48)):
        expected, actual = student(image(*shape)), model(image(*shape))
        for name, tensor in expected.items():
            torch.testing.assert_close(actual[name], tensor.detach(), atol=1e-5, rtol=0)


def test_it_reads_a_foreign_network_of_a_fixed_size(path):
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1), nn.Sigmoid()).eval()
    torch.onnx.export(network, (torch.zeros(1, 3, 12, 10),), path, dynamo=False, input_names=["x"], output_names=["y"])
    low = image(3, 3, 12, 10)
    torch.testing.assert_close(OnnxModel(file=str(path))(low)["enhanced"], network(low).detach(), atol=1e-5, rtol=0)


def test_no_gradient_passes_and_no_parameter_trains(path):
    model, low = OnnxModel(file=write(path)), image(1, 3, 4, 4).requires_grad_()
    assert not model(low)["enhanced"].requires_grad
    assert not [*model.parameters()]


def test_a_tracer_gets_an_error_and_no_constant(path):
    model = OnnxModel(file=write(path))
    with pytest.raises(NotImplementedError, match="cannot be traced"):
        make_fx(lambda low: model(low)["enhanced"])(image(1, 3, 4, 4))


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b"no model" * 40])
def test_a_damaged_file_is_a_weights_error(path, damage):
    write(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(WeightsError, match=r"cannot read .*teacher\.onnx") as caught:
        OnnxModel(file=str(path))
    assert caught.value.exit_code == 3
    assert "reads ONNX" in str(caught.value)


def test_bytes_and_two_inputs_are_refused(path):
    file = write(path, [("Identity", ["low"], ["enhanced"])], kind=onnx.TensorProto.UINT8)
    with pytest.raises(WeightsError, match=r"takes low tensor\(uint8\), not one floating-point tensor"):
        OnnxModel(file=file)
    parts = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 3, 4, 4]) for name in "aby"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Add", ["a", "b"], ["y"])], "g", parts[:2], parts[2:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9), path)
    with pytest.raises(WeightsError, match=r"takes a tensor\(float\), b tensor\(float\)"):
        OnnxModel(file=str(path))


@pytest.mark.parametrize("bias", [True, False])
def test_weights_in_another_file_are_refused_with_a_remedy(path, monkeypatch, bias):
    """Also where ONNX Runtime would find them: in the working directory."""
    monkeypatch.chdir(path.parent)
    network = nn.Conv2d(3, 3, 9, padding=4, bias=bias)
    torch.onnx.export(network, (torch.zeros(1, 3, 12, 10),), path, dynamo=False)
    whole = onnx.load(path)
    onnx.save(whole, path, save_as_external_data=True, size_threshold=0, location="weights.bin")
    with pytest.raises(WeightsError, match="stores its weights in another file") as caught:
        OnnxModel(file=str(path))
    assert "onnx.save(onnx.load(" in str(caught.value)
    onnx.save(onnx.load(path), path)
    OnnxModel(file=str(path))


def test_a_missing_onnxruntime_is_told_with_a_remedy(path, monkeypatch):
    file = write(path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RecipeError, match="needs onnxruntime, which is not installed") as caught:
        OnnxModel(file=file)
    assert "pip install 'zerokd[onnx]'" in str(caught.value)
    assert caught.value.exit_code == 2
