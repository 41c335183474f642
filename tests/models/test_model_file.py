"""The file of a model: its config, its size, its ranges and the names of its outputs."""

import hashlib

import numpy as np
import pydantic
import pytest
import torch

from zerokd.errors import WeightsError
from zerokd.models.model_file import ExampleNetwork, find_dtype, format_shape, read_model_file
from zerokd.models.onnx_model import OnnxModel

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
CURVE = (("Sqrt", ["low"], ["enhanced"]),)


def write(
    path, nodes=CURVE, outputs=("enhanced",), shape=("n", 3, "h", "w"), kind=onnx.TensorProto.FLOAT, constants=()
):
    """An ONNX file of these nodes; ``constants`` are numbers by name."""
    low = onnx.helper.make_tensor_value_info("low", kind, shape)
    returned = [onnx.helper.make_tensor_value_info(name, kind, None) for name in outputs]
    numbers = [onnx.numpy_helper.from_array(np.float32(value), name) for name, value in constants]
    graph = onnx.helper.make_graph([onnx.helper.make_node(*node) for node in nodes], "g", [low], returned, numbers)
    opsets = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return str(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "teacher.onnx"


def image(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_its_source_is_the_file_with_its_digest(path):
    file = write(path)
    assert OnnxModel(file=file).sources == {
        "weights": file,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def test_the_home_folder_is_found(path, monkeypatch):
    write(path)
    monkeypatch.setenv("HOME", str(path.parent))
    assert read_model_file("~/teacher.onnx") == (path, path.read_bytes())


def test_images_are_converted_to_the_range_of_the_file_and_back(path):
    """The file subtracts 51 of 255 levels, 0.2: computed by hand."""
    file = write(path, [("Sub", ["low", "c"], ["enhanced"])], constants=[("c", 51.0)])
    low = torch.tensor([0.2, 0.5, 1.0]).view(1, 3, 1, 1)
    model = OnnxModel(file=file, input_range=[0, 255], output_range=[0, 255])
    torch.testing.assert_close(model(low)["enhanced"].flatten(), torch.tensor([0.0, 0.3, 0.8]), atol=1e-6, rtol=0)
    signed = OnnxModel(file=write(path, [("Neg", ["low"], ["enhanced"])]), input_range=[-1, 1], output_range=[-1, 1])
    torch.testing.assert_close(signed(low)["enhanced"], 1 - low, atol=1e-6, rtol=0)


def test_the_default_ranges_change_no_bit(path):
    low = image(2, 3, 5, 7)
    assert torch.equal(OnnxModel(file=write(path, [("Identity", ["low"], ["enhanced"])]))(low)["enhanced"], low)


def test_only_clamp_limits_the_values(path):
    file = write(path, [("Add", ["low", "c"], ["enhanced"])], constants=[("c", 0.5)])
    low = torch.tensor([0.0, 0.4, 0.9]).view(1, 3, 1, 1)
    torch.testing.assert_close(OnnxModel(file=file)(low)["enhanced"].flatten(), torch.tensor([0.5, 0.9, 1.4]))
    torch.testing.assert_close(
        OnnxModel(file=file, clamp=True)(low)["enhanced"].flatten(), torch.tensor([0.5, 0.9, 1.0])
    )


TWO = (("Neg", ["low"], ["gain"]), ("Sqrt", ["low"], ["result"]))


def test_outputs_are_called_as_in_the_file_or_as_the_recipe_says(path):
    file, low = write(path, [("Neg", ["low"], ["gain"]), *CURVE], ("gain", "enhanced")), image(1, 3, 4, 5)
    assert {*OnnxModel(file=file).outputs()} == {"gain", "enhanced"}
    assert torch.equal(OnnxModel(file=file)(low)["gain"], -low)
    renamed = OnnxModel(file=write(path, TWO, ("gain", "result")), outputs=["map", "enhanced"])(low)
    assert torch.equal(renamed["map"], -low)
    torch.testing.assert_close(renamed["enhanced"], low.sqrt())


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ((), "returns gain, result, and none is called enhanced"),
        (("enhanced",), "returns 2 tensors, and outputs names 1"),
    ],
)
def test_outputs_that_do_not_fit_are_refused_with_a_remedy(path, outputs, message):
    with pytest.raises(WeightsError, match=message) as caught:
        OnnxModel(file=write(path, TWO, ("gain", "result")), outputs=outputs)
    assert outputs or 'outputs = ["enhanced", "result"]' in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"input_range": [1, 1]}, {"output_range": [1, 0]}, {"outputs": ["a"]}, {"outputs": ["enhanced"] * 2}]
)
def test_a_config_that_makes_no_sense_is_refused(options):
    with pytest.raises(pydantic.ValidationError):
        OnnxModel.Config(file="x", **options)


def test_a_file_for_one_size_takes_no_other_and_names_both(path):
    model = OnnxModel(file=write(path, shape=("n", 3, 8, 16)))
    assert model(image(2, 3, 8, 16))["enhanced"].shape == (2, 3, 8, 16)
    with pytest.raises(ValueError, match=r"takes images of 8x16 pixels, and gets 8x8: set the size of \[data\]"):
        model(image(2, 3, 8, 8))


def test_a_file_for_one_image_runs_once_for_each_and_one_for_four_takes_four(path):
    low = image(3, 3, 8, 8)
    torch.testing.assert_close(OnnxModel(file=write(path, shape=(1, 3, "h", "w")))(low)["enhanced"], low.sqrt())
    with pytest.raises(ValueError, match="takes 4 images at once, and gets 3"):
        OnnxModel(file=write(path, shape=(4, 3, "h", "w")))(low)


def test_an_output_of_another_size_is_refused(path):
    model = OnnxModel(file=write(path, [("ReduceMean", ["low"], ["enhanced"])]))
    with pytest.raises(ValueError, match="needs the shape of the image"):
        model(image(2, 3, 4, 4))


@pytest.mark.parametrize("shape", [("n", 1, "h", "w"), ("n", 3, "h")])
def test_a_file_for_something_else_than_images_is_refused(path, shape):
    with pytest.raises(WeightsError, match=r"not images \(N, 3, H, W\)"):
        OnnxModel(file=write(path, shape=shape))


@pytest.mark.parametrize(("content", "message"), [(None, "does not exist"), (b"", "is empty")])
def test_a_missing_or_empty_file_is_a_weights_error(path, content, message):
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"model file .*teacher.onnx' {message}") as caught:
        OnnxModel(file=str(path))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("text", ["~no_such_user_at_all/a.onnx", "x" * 300, ".", "a\0b"])
def test_a_path_that_leads_to_no_file_is_a_weights_error(text):
    with pytest.raises(WeightsError):
        read_model_file(text)


def test_double_and_half_images_come_back_in_their_type(path):
    model = OnnxModel(file=write(path))
    for dtype in (torch.float64, torch.float16):
        low = image(1, 3, 4, 4).to(dtype)
        assert model.to(dtype)(low)["enhanced"].dtype == dtype


def test_shapes_and_types_in_words():
    assert format_shape((None, 3, 8)) == "(any, 3, 8)"
    assert find_dtype([torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.float16)]) is torch.float16
    assert find_dtype([]) is torch.float32
    assert float(ExampleNetwork()(torch.tensor(0.5))) == 0.75
