"""What every component has, whoever wrote it."""

import pytest
import torch

import zerokd


@pytest.mark.parametrize("name", zerokd.__all__)
def test_every_public_name_exists(name):
    assert getattr(zerokd, name) is not None


def test_other_names_do_not():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        zerokd.nothing  # noqa: B018


def test_a_stage_passes_its_batch_on_as_low():
    low = torch.rand(1, 3, 2, 2)
    assert zerokd.Stage().inputs(zerokd.Batch.from_images(low)) == {"low": low}
