"""A set of images with twins and known brightness, whatever data source it comes from."""

import torch

import zerokd
from tests.phases import record_phases
from zerokd.measure import data_statistics
from zerokd.measure.data_statistics import compute_data_statistics


class Levels(zerokd.Data):
    """Flat images of some levels."""

    levels = (0, 51, 51, 51, 204)

    def __len__(self):
        return len(self.levels)

    def __getitem__(self, index):
        return torch.full((3, self.config.size, self.config.size), self.levels[index], dtype=torch.uint8)

    def name(self, index):
        return f"level/{index}"


def test_twins_and_brightness_by_hand():
    statistics = compute_data_statistics(Levels(size=16))
    assert statistics.duplicates == (("level/1", "level/2", "level/3"),)
    assert statistics.near_duplicates == ()
    assert statistics.histogram == [1, 0, 3, 0, 0, 0, 0, 0, 1, 0]
    assert statistics.dark_share == 0.8
    assert statistics.verdict == "this is low-light data: 80% of the images are darker than 0.3 on average"
    assert statistics.as_json(with_names=False)["duplicates"] == 2
    assert statistics.as_json()["duplicates"] == [["level/1", "level/2", "level/3"]]
    assert statistics.as_json()["brightness"]["mean"] == 0.28


def test_luma_weighs_the_colours_as_bt_601_does():
    class Red(Levels):
        def __getitem__(self, index):
            return torch.stack([torch.full((16, 16), level, dtype=torch.uint8) for level in (255, 0, 0)])

    assert abs(float(compute_data_statistics(Red(size=16)).brightness[0]) - 0.299) < 1e-6


def test_a_phase_counts_the_images(monkeypatch):
    texts = record_phases(monkeypatch, data_statistics)
    compute_data_statistics(Levels(size=16))
    assert texts == ["comparing images: 5 of 5"]
