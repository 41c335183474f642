"""The trivial methods by hand, and models from whatever file they lie in."""

import numpy as np
import pytest
import torch

from zerokd.errors import RecipeError, WeightsError
from zerokd.files.weights import write_weights
from zerokd.models.nano_dce import NanoDce
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.evaluate.methods import BASELINE_NAMES, build_baselines, build_methods, load_method, smooth_image


def test_the_trivial_ones_by_hand():
    low = torch.full((1, 3, 4, 5), 0.25)
    enhanced = {baseline.name: baseline.enhance(low) for baseline in build_baselines()}
    x = 0.25
    for _ in range(8):
        x = x - 0.36 * (x * x - x)
    assert tuple(enhanced) == BASELINE_NAMES
    assert torch.allclose(enhanced.pop(BASELINE_NAMES[-1]), torch.full_like(low, 0.46), atol=1e-3)
    expected = {"input": 0.25, "gamma": 0.25 ** (1 / 2.2), "constant curve": x, "constant curve + 3x3": x}
    assert all(torch.allclose(enhanced[name], torch.full_like(low, value)) for name, value in expected.items())


def test_the_exposed_curve_is_chosen_for_each_picture_and_leaves_a_bright_one():
    exposed = build_baselines()[-1].enhance
    for level in (0.05, 0.2, 0.4):
        assert exposed(torch.full((1, 3, 8, 8), level)).mean().item() == pytest.approx(0.46, abs=1e-3)
    assert torch.allclose(exposed(torch.full((1, 3, 8, 8), 0.7)), torch.full((1, 3, 8, 8), 0.7))


def test_smoothing_against_sums_of_neighbours():
    image = torch.rand(1, 3, 9, 7)
    padded = np.pad(image[0].numpy(), ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    assert np.allclose(smooth_image(image)[0], (down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]) / 4, atol=1e-6)


@pytest.fixture
def catalogue():
    return discover_plugins()


def test_a_model_gives_what_it_gives(tmp_path, catalogue):
    torch.manual_seed(0)
    model = NanoDce().eval()
    torch.save(model.state_dict(), tmp_path / "released.pth")
    facts = {"architecture": {"use": "nano_dce", "config": {}}}
    write_weights(tmp_path / "student.safetensors", model.state_dict(), facts)
    low = torch.rand(1, 3, 13, 12)
    for file in (f"nano_dce:{tmp_path / 'released.pth'}", str(tmp_path / "student.safetensors")):
        with torch.no_grad():
            assert torch.allclose(load_method(file, catalogue).enhance(low), model(low)["enhanced"], atol=1e-6)


def test_names_tell_rows_apart(tmp_path, catalogue):
    (tmp_path / "run1").mkdir()
    facts = {"architecture": {"use": "nano_dce", "config": {}}}
    for name in ("run1/student.safetensors", "gamma.safetensors"):
        write_weights(tmp_path / name, NanoDce().state_dict(), facts)
    weights = [str(tmp_path / "run1/student.safetensors"), str(tmp_path / "gamma.safetensors"), "best", "best"]
    names = [method.name for method in build_methods(weights, None, catalogue)[0]]
    assert names == [*BASELINE_NAMES, "run1", "gamma (2)", "best", "best (2)"]


def test_the_teacher_stands_before_the_students(catalogue):
    methods, teacher = build_methods((), "bundled", catalogue)
    assert [method.name for method in methods[len(BASELINE_NAMES) :]] == ["zero_dce_pp:bundled", "best"]
    assert teacher is methods[len(BASELINE_NAMES)]
    assert len(teacher.digest) == 64


@pytest.mark.parametrize(
    ("weights", "kind", "reason"),
    [
        ("nowhere.safetensors", WeightsError, "does not exist"),
        ("nano_dce:nowhere.pth", WeightsError, "does not exist"),
        ("nano_dce:bundled", RecipeError, "has no bundled weights"),
        ("no_model:a.pth", WeightsError, "does not exist"),
    ],
)
def test_what_is_not_there(catalogue, weights, kind, reason):
    with pytest.raises(kind, match=reason):
        load_method(weights, catalogue)
