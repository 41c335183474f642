"""Random parts of images: position by hand, and the same part of a larger reference."""

import pytest
import torch

from zerokd.augmentations.random_crop import RandomCrop

ROWS = torch.arange(6.0).view(1, 1, 6, 1).expand(2, 1, 6, 4)
COLUMNS = torch.arange(4.0).view(1, 1, 1, 4).expand(2, 1, 6, 4)


def test_each_image_has_a_part_of_its_own():
    image = torch.cat([ROWS, COLUMNS], dim=1)
    cut = RandomCrop(share=0.5).apply(image, torch.tensor([[0.0, 0.0], [0.999, 0.5]]))
    assert cut.shape == (2, 2, 3, 2)
    assert cut[0, 0, :, 0].tolist() == [0, 1, 2]
    assert cut[0, 1, 0].tolist() == [0, 1]
    assert cut[1, 0, :, 0].tolist() == [3, 4, 5]
    assert cut[1, 1, 0].tolist() == [1, 2]  # floor(0.5 * 3)


def test_every_position_is_drawn_about_as_often():
    crop = RandomCrop(share=0.5)
    draws = torch.stack([crop.draw(torch.Generator().manual_seed(seed)) for seed in range(600)])
    starts = crop.apply(COLUMNS[:1].expand(600, 1, 6, 4), draws)[:, 0, 0, 0]
    assert torch.bincount(starts.long()).tolist() == pytest.approx([200, 200, 200], abs=40)


def test_a_reference_of_twice_the_size_shows_the_same_part():
    low = torch.rand(4, 3, 6, 4)
    large = low.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    cut = RandomCrop(share=0.5).apply_to_all({"low": low, "reference": large}, torch.rand(4, 2))
    assert torch.equal(cut["reference"], cut["low"].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))


def test_a_reference_of_an_odd_size_is_refused():
    with pytest.raises(ValueError, match=r"k times the size of low, which is \(6, 4\) and reference is \(9, 6\)"):
        RandomCrop().apply_to_all(
            {"low": torch.rand(1, 3, 6, 4), "reference": torch.rand(1, 3, 9, 6)}, torch.rand(1, 2)
        )
