"""The camera against hand-computed values, and the set's promises: deterministic, dark, well-lit references."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from zerokd.data.dead_leaves import DeadLeaves, expose


@pytest.fixture(scope="module")
def data() -> DeadLeaves:
    return DeadLeaves(count=60, size=48)


def test_same_bytes_on_every_call_and_from_a_fresh_set(data):
    assert torch.equal(data[3], data[3])
    again = DeadLeaves(count=60, size=48)
    assert torch.equal(again.reference(3), data.reference(3))  # asked in the other order
    assert torch.equal(again[3], data[3])


def test_a_scene_does_not_depend_on_how_many_there_are(data):
    assert torch.equal(DeadLeaves(count=4, size=48)[3], data[3])


def test_seed_and_index_make_other_scenes(data):
    assert not torch.equal(data[0], data[1])
    assert not torch.equal(DeadLeaves(count=1, size=48, seed=1)[0], data[0])


def test_images_are_uint8_planes(data):
    for image in (data[0], data.reference(0)):
        assert image.shape == (3, 48, 48)
        assert image.dtype == torch.uint8
        assert image.is_contiguous()


def test_names_and_length(data):
    assert len(data) == 60
    assert data.name(59) == "dead_leaves/59"
    assert data.rejected == ()


@pytest.mark.parametrize("index", [60, -1])
def test_an_index_outside_is_refused(data, index):
    with pytest.raises(IndexError, match="60 scenes"):
        data[index]


def test_most_scenes_are_dark_and_some_are_not(data):
    means = np.array([data[i].float().mean().item() / 255 for i in range(len(data))])
    assert 0.5 < (means < 0.25).mean() < 0.9
    assert (means > 0.4).any()
    assert means.min() > 0.01


def test_dark_scenes_are_darker_than_their_references():
    data = DeadLeaves(count=20, size=32, lit=0.0)
    for i in range(len(data)):
        assert data[i].float().mean() < 0.6 * data.reference(i).float().mean()


def test_references_are_well_lit(data):
    means = [data.reference(i).float().mean().item() / 255 for i in range(len(data))]
    assert all(0.4 < mean < 0.65 for mean in means)


def test_more_darkness_is_darker():
    mild, strong = (DeadLeaves(count=1, size=32, lit=0.0, darkness=(stops, stops)) for stops in (2.0, 5.0))
    assert strong[0].float().mean() < 0.6 * mild[0].float().mean()
    assert torch.equal(strong.reference(0), mild.reference(0))


def test_camera_without_noise_by_hand():
    light = np.float32([0.0, 0.1, 1.0, 100.0]).reshape(1, 4, 1)
    image = expose(np.random.default_rng(0), light, stops=1.0, noise=0.0)
    # 255 * (1 - exp(-2 * light)) ** (1 / 2.2)
    assert image.dtype == np.uint8
    assert image.ravel().tolist() == [0, 117, 239, 255]


def test_noise_grows_with_the_signal_and_has_a_floor():
    def spread(level: float) -> float:
        light = np.full((200, 200, 3), -np.log(1 - level), np.float32)
        image = expose(np.random.default_rng(7), light, stops=0.0, noise=1.0)
        return float(((image / 255.0) ** 2.2).std())

    assert spread(0.5) > 1.5 * spread(0.05) > 0
    assert expose(np.random.default_rng(7), np.zeros((64, 64, 3), np.float32), 0.0, 1.0).max() > 0


@pytest.mark.parametrize("options", [{"darkness": (-1.0, 2.0)}, {"darkness": (1.0,)}, {"lit": 1.1}, {"count": 0}])
def test_values_outside_their_bounds_are_refused(options):
    with pytest.raises(ValidationError):
        DeadLeaves(**options)
