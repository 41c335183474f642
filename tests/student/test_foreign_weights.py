"""Weights of another program become a student's file, once."""

import pytest
import torch

from zerokd.errors import RecipeError, WeightsError
from zerokd.models.nano_dce import NanoDce
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.enhance.enhancer import load
from zerokd.student.foreign_weights import convert_foreign_weights, split_location


@pytest.fixture
def released(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    model = NanoDce().eval()
    torch.save(model.state_dict(), tmp_path / "released.pth")
    return model, f"nano_dce:{tmp_path / 'released.pth'}"


def test_a_converted_file_is_the_model_and_is_written_once(released):
    model, location = released
    path = convert_foreign_weights(location)
    before = path.stat().st_mtime_ns
    assert convert_foreign_weights(location) == path
    assert path.stat().st_mtime_ns == before
    low = torch.rand(1, 3, 9, 12) * 0.3
    with torch.no_grad():
        assert torch.equal(load(location)(low), model(low)["enhanced"])


def test_bundled_weights_of_a_model_and_mistakes(released, tmp_path):
    assert convert_foreign_weights("zero_dce_pp:bundled").is_file()
    assert convert_foreign_weights("no_model:a.pth") is None
    with pytest.raises(WeightsError, match="does not exist"):
        convert_foreign_weights("nano_dce:nowhere.pth")
    with pytest.raises(RecipeError, match="has no bundled weights"):
        convert_foreign_weights("nano_dce:bundled")


def test_the_model_is_before_the_last_colon():
    catalogue = discover_plugins()
    assert split_location("zerokd:nano_dce:a.pth", catalogue) == ("zerokd:nano_dce", "a.pth")
    assert split_location("a.pth", catalogue) is None
