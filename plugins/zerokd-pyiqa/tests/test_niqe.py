"""NIQE is pyiqa's own, image by image, and says what is missing."""

import sys
import types

import numpy as np
import pytest
import torch
import zerokd_pyiqa
from zerokd_pyiqa.niqe import Niqe

from zerokd.errors import RecipeError, WeightsError
from zerokd.testing import collect_checks


@pytest.fixture
def statistics(tmp_path):
    """Pristine statistics that are easy to compute with: mean 0, variance 1."""
    io = pytest.importorskip("scipy.io")
    path = tmp_path / "niqe.mat"
    io.savemat(path, {"mu_prisparam": np.zeros((1, 36)), "cov_prisparam": np.eye(36)})
    return str(path)


def test_without_pyiqa_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    with pytest.raises(RecipeError, match=r"pip install 'zerokd-pyiqa\[pyiqa\]'"):
        Niqe()


def test_statistics_that_are_not_there_are_told(monkeypatch):
    def create_metric(name, device, **options):
        raise OSError("no such file")

    monkeypatch.setitem(sys.modules, "pyiqa", types.SimpleNamespace(create_metric=create_metric))
    with pytest.raises(WeightsError, match="the weights of niqe are unavailable: no such file"):
        Niqe(weights="nowhere.mat")


def test_what_it_hands_over_and_gives_back(monkeypatch):
    calls = []

    def create_metric(name, device, **options):
        calls.append((name, options))
        return lambda image: image.mean().reshape(1, 1)

    monkeypatch.setitem(sys.modules, "pyiqa", types.SimpleNamespace(create_metric=create_metric))
    image = torch.rand(3, 3, 96, 100, dtype=torch.float64)
    values = Niqe(weights="a.mat")(image=image)
    assert calls == [("niqe", {"pretrained_model_path": "a.mat"})]
    assert values.dtype == torch.float64
    assert torch.allclose(values, image.mean(dim=(1, 2, 3)), atol=1e-6)


def test_it_is_what_pyiqa_gives_and_noise_makes_it_worse(statistics):
    pyiqa = pytest.importorskip("pyiqa", reason="pyiqa is not installed")
    calm = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    calm = torch.nn.functional.interpolate(calm, size=(192, 192), mode="bicubic").clamp(0, 1)
    metric = Niqe(weights=statistics)
    exact = pyiqa.create_metric("niqe", device="cpu", pretrained_model_path=statistics)
    assert torch.allclose(metric(image=calm), torch.cat([exact(image[None]).reshape(1) for image in calm]).float())
    assert torch.equal(metric(image=calm)[1:], metric(image=calm[1:]))


def test_a_flat_picture_has_none(statistics):
    pytest.importorskip("pyiqa", reason="pyiqa is not installed")
    result = Niqe(weights=statistics)(image=torch.stack([torch.zeros(3, 96, 96), torch.rand(3, 96, 96)]))
    assert torch.isnan(result).tolist() == [True, False]


def test_it_does_what_every_metric_must(statistics, monkeypatch):
    pytest.importorskip("pyiqa", reason="pyiqa is not installed")
    monkeypatch.setattr(Niqe, "examples", ({"weights": statistics},))
    for check in collect_checks(
        next(zerokd_metric for zerokd_metric in zerokd_pyiqa.zerokd_metrics() if zerokd_metric.name == "niqe")
    ):
        check()
