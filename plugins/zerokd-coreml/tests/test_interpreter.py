"""Each kind of layer by hand, as Apple's documentation describes it, and what is refused."""

import numpy as np
import pytest
from zerokd_coreml.interpreter import run_layers

from zerokd.exporters.silence import silence_exporters

with silence_exporters():
    from coremltools.models import datatypes
    from coremltools.models.neural_network import NeuralNetworkBuilder

IMAGE = np.array([[[[1, 2, 3], [4, 5, 6]]]], np.float32)
ROW = np.array([[[[0, 4, 8]]]], np.float32)


def run(kind, *options, image=IMAGE, change=None, **named_options):
    """One layer that the builder adds; ``change`` alters it before it is run."""
    builder = NeuralNetworkBuilder([("x", datatypes.Array(1))], [("y", None)], disable_rank5_shape_mapping=True)
    getattr(builder, f"add_{kind}")("layer", *options, **named_options, output_name="y")
    layers = builder.spec.neuralNetwork.layers
    if change:
        change(layers[0])
    return run_layers(layers, {"x": image})["y"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("DEFAULT", [0, 2, 4, 6, 8, 8]),  # places 0, 0.5, ... 2.5, of which the last is beyond the border
        ("ALIGN_CORNERS_TRUE", [0, 1.6, 3.2, 4.8, 6.4, 8]),
        ("ALIGN_CORNERS_FALSE", [0, 1, 3, 5, 7, 8]),
    ],
)
def test_upsampling(mode, expected):
    result = run("upsample", 2, 2, input_name="x", mode="BILINEAR", linear_upsample_mode=mode, image=ROW)
    assert result.shape == (1, 1, 2, 6)
    assert np.allclose(result, [expected, expected], atol=1e-6)


def test_padding_repeats_the_border():
    result = run("padding", 2, 1, 1, 0, input_name="x", padding_type="replication")
    assert result.tolist() == [[[[1, 1, 1, 2, 3, 3], [1, 1, 1, 2, 3, 3], [4, 4, 4, 5, 6, 6]]]]


@pytest.mark.parametrize(
    ("stride", "dilation", "amount", "expected"),
    [
        (1, 1, 0, [[8, 10]]),  # 1 * 1 + 5 * 1 + 2, 2 + 6 + 2
        (1, 1, 1, [[3, 4, 5, 2], [6, 8, 10, 5], [2, 6, 7, 8]]),  # with zeros around the image
        (2, 1, 1, [[3, 5], [2, 7]]),
        (1, 2, 1, [[7, 8, 2], [2, 3, 4]]),  # 5 + 2, 6 + 2, 2; 2, 1 + 2, 2 + 2: the pixels are two apart
    ],
)
def test_valid_convolutions(stride, dilation, amount, expected):
    weight = np.array([[1, 0], [0, 1]], np.float32).reshape(2, 2, 1, 1)
    sides = {f"padding_{side}": amount for side in ("top", "bottom", "left", "right")}
    sizes = (1, 1, 2, 2, stride, stride, "valid", 1)
    result = run(
        "convolution", *sizes, weight, [2.0], True, input_name="x", dilation_factors=[dilation, dilation], **sides
    )
    assert result.tolist() == [[expected]]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("exp", np.exp([-1, 1, 3, 5, 7, 9])),
        ("abs", [1, 1, 3, 5, 7, 9]),
        ("threshold", [4, 4, 4, 5, 7, 9]),
    ],
)
def test_unary_functions_after_scale_and_shift(mode, expected):
    result = run("unary", input_name="x", mode=mode, alpha=4.0, shift=-3.0, scale=2.0)
    assert np.allclose(result.ravel(), expected, rtol=1e-6)


def test_logarithm():
    assert np.allclose(run("unary", input_name="x", mode="log").ravel(), np.log([1, 2, 3, 4, 5, 6]), atol=1e-6)


def test_a_scale_of_0_stands_for_1():
    result = run("unary", input_name="x", mode="abs", change=lambda layer: layer.unary.ClearField("scale"))
    assert np.array_equal(result, IMAGE)


@pytest.mark.parametrize(
    ("axis", "first", "end", "stride", "expected"),
    [("width", 1, 2, 1, [[2], [5]]), ("width", 0, -1, 1, [[1, 2], [4, 5]]), ("height", 0, 2, 2, [[1, 2, 3]])],
)
def test_slices(axis, first, end, stride, expected):
    result = run("slice", input_name="x", axis=axis, start_index=first, end_index=end, stride=stride)
    assert result.tolist() == [[expected]]


def test_slices_of_channels():
    image = np.arange(5, dtype=np.float32).reshape(1, 5, 1, 1)
    result = run("slice", input_name="x", axis="channel", start_index=2, end_index=4, image=image)
    assert result.ravel().tolist() == [2, 3]


def test_shapes_and_numbers():
    assert run("get_shape", input_name="x").tolist() == [1, 1, 2, 3]
    end = np.array([7], np.float32)
    assert run("range_dynamic", input_names=["x"], start=1, step=2, image=end).tolist() == [1, 3, 5]
    assert run("expand_dims", input_name="x", axes=[0, 2], image=ROW[0, 0]).shape == (1, 1, 1, 3)
    constant = np.arange(6, dtype=np.float32)
    assert run("load_constant_nd", constant_value=constant, shape=[2, 3]).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(True, False, [[17, 22, 27], [22, 29, 36], [27, 36, 45]]), (False, True, [[14, 32], [32, 77]])],
)
def test_products_of_matrices(first, second, expected):
    result = run("batched_mat_mul", input_names=["x", "x"], transpose_a=first, transpose_b=second)
    assert result.tolist() == [[expected]]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("add", 2 * IMAGE),
        ("subtract", 0 * IMAGE),
        ("multiply", IMAGE**2),
        ("divide", IMAGE**0),
        ("max", IMAGE),
        ("min", IMAGE),
    ],
)
def test_arithmetic_of_two_images(kind, expected):
    assert np.array_equal(run(f"{kind}_broadcastable", input_names=["x", "x"]), expected)


REFUSED = {
    "an activation of kind 'ELU'": ("activation", {"non_linearity": "ELU", "params": 1.0}),
    "a layer of kind 'softmax'": ("softmax", {}),
    "an upsampling that is not bilinear": ("upsample", {"scaling_factor_h": 2, "scaling_factor_w": 2}),
    "a padding of kind 'reflection'": ("padding", {"left": 1, "padding_type": "reflection"}),
    "a unary function of kind 'SQRT'": ("unary", {"mode": "sqrt"}),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_other_layers_are_refused(reason):
    kind, options = REFUSED[reason]
    with pytest.raises(ValueError, match=reason):
        run(kind, input_name="x", **options)


def test_a_convolution_that_changes_the_size_is_refused():
    sizes = (1, 1, 1, 1, 2, 2, "same", 1)
    with pytest.raises(ValueError, match="a convolution that changes the size"):
        run("convolution", *sizes, np.ones((1, 1, 1, 1), np.float32), [0.0], True, input_name="x")
