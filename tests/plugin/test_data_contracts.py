"""What data sources and augmentations have by default."""

import pytest
import torch

import zerokd
from zerokd.plugin.contracts import count_held_out


class Pairs(zerokd.Data):
    signals = ("low", "reference")

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return torch.full((3, 4, 4), index, dtype=torch.uint8)

    def name(self, index):
        return f"pair/{index}"

    def reference(self, index):
        return self[index] + 100 if index else None


def test_a_tensor_by_signal():
    data = Pairs()
    assert torch.equal(data.tensor(1, "low"), data[1])
    assert torch.equal(data.tensor(1, "reference"), data[1] + 100)
    with pytest.raises(ValueError, match="'pair/0' has no 'reference'"):
        data.tensor(0, "reference")
    with pytest.raises(ValueError, match="'pair/1' has no 'depth'"):
        data.tensor(1, "depth")


def test_an_augmentation_changes_several_tensors_alike():
    class Half(zerokd.Augmentation):
        def apply(self, low, draws):
            return low * draws.view(-1, 1, 1, 1)

    low = torch.ones(2, 3, 2, 2)
    both = Half().apply_to_all({"low": low, "low_2": 2 * low}, torch.tensor([0.5, 0.25]))
    assert both["low"][:, 0, 0, 0].tolist() == [0.5, 0.25]
    assert both["low_2"][:, 0, 0, 0].tolist() == [1.0, 0.5]


def test_at_least_one_image_trains():
    assert [count_held_out(images, 0.5) for images in (1, 2, 5)] == [0, 1, 2]
