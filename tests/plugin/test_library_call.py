"""Ranges, values per image and signs, by hand."""

import pytest
import torch

from zerokd import Port
from zerokd.errors import PluginError
from zerokd.plugin.library_call import LibraryCall

UNIT, SIGNED = Port("an image in 0 to 1", range=(0.0, 1.0)), Port("an image in -1 to 1", range=(-1.0, 1.0))


def call(as_loss="value", input_range=None, reduces_batch=True, min_size=1):
    return LibraryCall(torch.dist, {}, as_loss, input_range, reduces_batch, min_size)


@pytest.mark.parametrize(
    ("port", "input_range", "expected"),
    [
        (UNIT, (0.0, 255.0), [0.0, 63.75, 255.0]),
        (UNIT, (-1.0, 1.0), [-1.0, -0.5, 1.0]),
        (UNIT, (0.0, 1.0), [0.0, 0.25, 1.0]),
        (UNIT, None, [0.0, 0.25, 1.0]),
        (SIGNED, (0.0, 1.0), [0.5, 0.625, 1.0]),
    ],
)
def test_a_range_is_converted_by_hand(port, input_range, expected):
    converted = call(input_range=input_range).convert(torch.tensor([0.0, 0.25, 1.0]), port)
    assert converted.tolist() == expected


def test_half_precision_is_widened_and_double_stays():
    for dtype, wide in ((torch.bfloat16, torch.float32), (torch.float64, torch.float64)):
        assert call().convert(torch.zeros(1, dtype=dtype), UNIT).dtype == wide


def test_a_function_that_reduces_the_batch_sees_one_image_at_a_time():
    shapes = []

    def total(first, second):
        shapes.append((first.shape, second.shape))
        return (first + second).sum()

    values = call().evaluate(total, [torch.ones(3, 2, 2, 2), torch.arange(3.0).view(3, 1, 1, 1).expand(3, 2, 2, 2)])
    assert values.tolist() == [8.0, 16.0, 24.0]
    assert shapes == [((1, 2, 2, 2), (1, 2, 2, 2))] * 3


def test_all_axes_but_the_first_are_averaged():
    images = torch.tensor([[1.0, 3.0], [0.0, 8.0]]).view(2, 1, 1, 2)
    assert call(reduces_batch=False).evaluate(lambda image: 2 * image, [images]).tolist() == [4.0, 8.0]
    assert call(reduces_batch=False).evaluate(lambda image: image.amax((1, 2, 3)), [images]).tolist() == [3.0, 8.0]


@pytest.mark.parametrize(
    ("reduces_batch", "function", "message"),
    [
        (True, lambda image: image, r"returned the shape \(1, 1, 2, 2\) for 1 image\b"),
        (True, lambda image: 3.0, "returned a float for 1 image"),
        (False, lambda image: image.mean(), r"returned the shape \(\) for 2 images"),
        (False, lambda image: image.mean(dim=0), r"returned the shape \(1, 2, 2\) for 2 images"),
    ],
)
def test_another_shape_is_an_error_with_a_remedy(reduces_batch, function, message):
    with pytest.raises(PluginError, match=message) as caught:
        call(reduces_batch=reduces_batch).evaluate(function, [torch.ones(2, 1, 2, 2)])
    assert f"reduces_batch={not reduces_batch}" in str(caught.value)


def test_a_declaration_that_contradicts_itself_is_refused():
    with pytest.raises(PluginError, match="as_loss is '1-value'"):
        call(as_loss="1-value").require_consistent({"image": UNIT})
    with pytest.raises(PluginError, match="port image has no range to convert"):
        call(input_range=(0.0, 1.0)).require_consistent({"image": Port("any tensor")})
    call(input_range=(0.0, 1.0)).require_consistent({"image": UNIT})


def test_the_call_is_written_as_python_would():
    assert call(as_loss="1 - value").format(["x", "y"]) == "1 - torch.dist(x, y)"
    module = LibraryCall(torch.nn.MSELoss, {}, "-value", None, True, 1)
    assert module.format(["x", "y"]) == "-torch.MSELoss()(x, y)"


def test_the_least_size_may_depend_on_the_config():
    assert call(min_size=7).smallest_side(None) == 7
    assert call(min_size=lambda config: 2 * config).smallest_side(4) == 8
