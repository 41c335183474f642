"""Random mirror images: below the probability, and with all tensors of an image alike."""

import torch

from zerokd.augmentations.random_flip import RandomFlip


def test_a_draw_below_the_probability_flips():
    image = torch.tensor([[[[1.0, 2.0]]]]).repeat(3, 1, 1, 1)
    flipped = RandomFlip(probability=0.25).apply(image, torch.tensor([0.2, 0.25, 0.9]))
    assert flipped.flatten(1).tolist() == [[2.0, 1.0], [1.0, 2.0], [1.0, 2.0]]


def test_about_so_many_images_are_flipped():
    augmentation = RandomFlip(probability=0.25)
    draws = torch.stack([augmentation.draw(torch.Generator().manual_seed(seed)) for seed in range(400)])
    assert abs((draws < 0.25).float().mean().item() - 0.25) < 0.07  # three standard errors


def test_references_are_flipped_with_their_image():
    low = torch.rand(8, 3, 4, 6)
    both = RandomFlip(axis="vertical").apply_to_all({"low": low, "reference": 1 - low}, torch.rand(8))
    torch.testing.assert_close(both["reference"], 1 - both["low"])
    assert not torch.equal(both["low"], low)
