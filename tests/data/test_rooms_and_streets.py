"""The set's promises: deterministic, dark, well-lit references, linear light, and a config that refuses nonsense."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from zerokd.data.leaf_scene import LUMINANCE_WEIGHTS
from zerokd.data.ray_cast.sensor import take_photo
from zerokd.data.rooms_and_streets import BUILDERS, RoomsAndStreets, draw_light, draw_sample_photos


@pytest.fixture(scope="module")
def data():
    return RoomsAndStreets(count=12, size=16)


def test_same_bytes_on_every_call_and_from_a_fresh_set(data):
    assert torch.equal(data[3], data[3])
    again = RoomsAndStreets(count=4, size=16)
    assert torch.equal(again.reference(3), data.reference(3))  # asked in the other order
    assert torch.equal(again[3], data[3])
    assert torch.equal(again.tensor(3, "low_2"), data.tensor(3, "low_2"))


def test_seed_and_index_make_other_scenes(data):
    assert not torch.equal(data[0], data[1])
    assert not torch.equal(RoomsAndStreets(count=1, size=16, seed=1)[0], data[0])


def test_images_are_uint8_planes_and_names_are_stable(data):
    for signal in data.signals:
        image = data.tensor(0, signal)
        assert (image.shape, image.dtype, image.is_contiguous()) == ((3, 16, 16), torch.uint8, True)
    assert (len(data), data.name(11), data.rejected) == (12, "rooms_and_streets/11", ())


@pytest.mark.parametrize("index", [12, -1])
def test_an_index_outside_is_refused(data, index):
    with pytest.raises(IndexError, match="12 scenes"):
        data[index]


def test_an_unknown_signal_is_refused(data):
    with pytest.raises(ValueError, match="has no 'depth'"):
        data.tensor(0, "depth")


def test_most_scenes_are_dark_and_references_are_well_lit(data):
    means = np.array([data[index].float().mean().item() / 255 for index in range(len(data))])
    assert 0.5 < (means < 0.3).mean() < 1
    references = [data.reference(index).float().mean().item() / 255 for index in range(len(data))]
    assert all(0.25 < mean < 0.65 for mean in references)


def test_the_second_photo_differs_in_its_noise_alone():
    noisy = RoomsAndStreets(count=1, size=16, lit=0.0, gain=(1e-3, 1e-3))
    assert not torch.equal(noisy[0], noisy.tensor(0, "low_2"))
    clean = RoomsAndStreets(count=1, size=16, lit=0.0, gain=(0.0, 0.0))
    assert torch.equal(clean[0], clean.tensor(0, "low_2"))
    assert torch.equal(clean.reference(0), noisy.reference(0))


def test_the_linear_light_is_what_the_reference_shows(data):
    light = data.light(2)
    assert (light.dtype, light.shape) == (torch.float32, (3, 16, 16))
    assert light.min() > 0
    photo = take_photo(np.random.default_rng(0), light.permute(1, 2, 0).numpy(), 0.0, 0.0, 0.0)
    assert torch.equal(torch.from_numpy(photo).permute(2, 0, 1), data.reference(2))


def test_more_darkness_is_darker():
    options = {"count": 1, "size": 24, "lit": 0.0, "gain": (0.0, 0.0)}
    mild, strong = (RoomsAndStreets(darkness=(stops, stops), **options) for stops in (2.0, 5.0))
    assert strong[0].float().mean() < 0.6 * mild[0].float().mean()
    assert torch.equal(strong.reference(0), mild.reference(0))


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_kind_alone_gives_its_scenes(kind):
    light = RoomsAndStreets(count=1, size=16, kinds=[kind]).light(0)
    expected = draw_light(kind, (0, 0, 1), 16, 16)
    assert np.array_equal(light.permute(1, 2, 0).numpy(), expected)
    luminance = expected @ LUMINANCE_WEIGHTS
    average = np.exp(np.log(luminance + 0.02 * luminance.mean()).mean())
    assert average == pytest.approx(BUILDERS[kind][1], rel=1e-4)


def test_all_kinds_are_drawn():
    data = RoomsAndStreets(count=30, size=16)
    assert {len(RoomsAndStreets(kinds=[kind]).config.kinds) for kind in BUILDERS} == {1}
    kinds = data.config.kinds
    drawn = {kinds[int(np.random.default_rng((0, index, 0)).integers(len(kinds)))] for index in range(30)}
    assert drawn == set(BUILDERS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kinds": []}, "at least 1"),
        ({"kinds": ["forest"]}, "lamp_room"),
        ({"darkness": (5.0, 2.0)}, "5 > 2"),
        ({"darkness": (-1.0, 2.0)}, "greater than or equal to 0"),
        ({"gain": (0.0, 0.5)}, "less than or equal to 0.1"),
        ({"lit": 1.1}, "less than or equal to 1"),
        ({"count": 0}, "greater than or equal to 1"),
        ({"read_noise": -1.0}, "greater than or equal to 0"),
    ],
)
def test_values_outside_their_bounds_are_refused(options, words):
    with pytest.raises(ValidationError, match=words):
        RoomsAndStreets(**options)


def test_sample_photos_are_dark_rgb_images_with_names():
    photos = draw_sample_photos(32)
    assert len({name for name, _ in photos}) == 3
    for _, photo in photos:
        assert (photo.shape, photo.dtype) == ((32, 32, 3), np.uint8)
        assert 5 < photo.mean() < 80
