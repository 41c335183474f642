"""One image after the other gives what the batch gives, with the memory of one."""

import pytest
import torch

from zerokd.losses.per_image import evaluate_per_image, map_per_image


def value(moving, fixed):
    return ((moving - fixed) ** 3).abs().mean(dim=(1, 2, 3))


def inputs():
    generator = torch.Generator().manual_seed(0)
    moving, fixed = torch.rand(2, 3, 3, 4, 4, generator=generator, dtype=torch.float64)
    return moving.requires_grad_(), fixed


def test_values_and_gradients_are_those_of_the_batch():
    moving, fixed = inputs()
    weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)  # another slope for each image
    result, expected = evaluate_per_image(value, moving, fixed), value(moving, fixed)
    assert torch.equal(result, expected)
    (actual,), (other,) = (torch.autograd.grad((weights * reference).sum(), moving) for reference in (result, expected))
    torch.testing.assert_close(actual, other, rtol=1e-12, atol=0)
    assert torch.autograd.gradcheck(lambda x: evaluate_per_image(value, x, fixed), (moving,))


def test_the_function_sees_one_image_at_a_time_with_gradient_and_without():
    calls = []

    def watched(moving, fixed):
        calls.append(len(moving))
        return value(moving, fixed)

    moving, fixed = inputs()
    evaluate_per_image(watched, moving, fixed)
    without = evaluate_per_image(watched, moving.detach(), fixed)
    with torch.no_grad():
        evaluate_per_image(watched, moving, fixed)
    assert calls == [1] * 9
    assert torch.equal(without, value(moving, fixed))
    assert not without.requires_grad


@pytest.mark.parametrize("sizes", [True, False])
def test_nothing_in_between_is_held_until_the_backward_pass(sizes):
    """Only the slope is saved: one tensor of the images' size, however many the function makes."""
    held = []

    def deep(moving, fixed):
        for _ in range(8):
            moving = torch.sin(moving)
        return value(moving, fixed)

    moving, fixed = inputs()
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: held.append(tensor.shape) or tensor, lambda tensor: tensor
    ):
        evaluate_per_image(deep, moving, fixed) if sizes else deep(moving, fixed)
    whole = [shape for shape in held if shape == moving.shape]
    assert len(whole) == 1 if sizes else len(whole) > 8


@pytest.mark.parametrize("count", [1, 3])
def test_what_is_made_of_each_alone_is_one_tensor_again(count):
    calls = []

    def double_and_grey(images):
        calls.append(len(images))
        yield 2 * images
        yield images.mean(dim=1, keepdim=True)

    images = torch.rand(count, 3, 4, 4)
    double, grey = map_per_image(double_and_grey, images)
    assert calls == [1] * count
    assert torch.equal(double, 2 * images)
    assert torch.equal(grey, images.mean(dim=1, keepdim=True))
