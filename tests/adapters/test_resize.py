"""Resampling by hand, and as Pillow does it."""

import numpy as np
import pytest
import torch
from PIL import Image

from zerokd import Signal
from zerokd.adapters.resize import Resize, resize


def test_a_row_is_enlarged_by_hand():
    assert resize(torch.tensor([[[[0.0, 1.0]]]]), (1, 4)).flatten().tolist() == [0.0, 0.25, 0.75, 1.0]


@pytest.mark.parametrize("size", [(5, 7), (20, 31), (6, 40)])
def test_pillow_resamples_alike(size):
    image = np.random.default_rng(0).random((12, 15), dtype=np.float32)
    expected = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
    resized = resize(torch.from_numpy(image)[None, None], size)[0, 0].numpy()
    np.testing.assert_allclose(resized, expected, atol=1e-5)


def test_every_tensor_gets_the_size_of_the_first_which_passes_unchanged():
    student, teacher = torch.rand(2, 4, 3, 5), torch.rand(2, 32, 6, 4)
    adapted = Resize()({"student": student, "teacher": teacher})
    assert adapted["student"] is student
    assert adapted["teacher"].shape == (2, 32, 3, 5)


def test_describe_says_what_forward_returns_for_a_port_alone():
    signals = {"student": Signal((4, 6, 5), (-1.0, 1.0)), "teacher": Signal((32, 9, 3), (0.0, 1.0))}
    adapter = Resize()
    assert adapter.describe(signals) == {**signals, "teacher": Signal((32, 6, 5), (0.0, 1.0))}
    assert adapter({"teacher": torch.rand(2, 32, 9, 3)})["teacher"].shape == (2, 32, 6, 5)
