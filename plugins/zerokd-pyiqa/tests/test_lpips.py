"""LPIPS is pyiqa's own, pair by pair, and agrees with another implementation."""

import sys
import types
from pathlib import Path

import pytest
import torch
import zerokd_pyiqa
from zerokd_pyiqa import lpips
from zerokd_pyiqa.lpips import Lpips

from zerokd.errors import WeightsError
from zerokd.testing import collect_checks


def test_weights_that_cannot_be_fetched_are_told(monkeypatch):
    def create_metric(name, device, **options):
        raise OSError("no network")

    monkeypatch.setitem(sys.modules, "pyiqa", types.SimpleNamespace(create_metric=create_metric))
    with pytest.raises(WeightsError, match="the weights of lpips are unavailable: no network"):
        Lpips()


@pytest.mark.parametrize(
    ("name", "told"), [("a.pth", "nothing states the SHA-256"), ("a-0a1b2c3d.pth", "cannot fetch")]
)
def test_weights_that_pyiqa_downloads_are_checked(name, told, monkeypatch, tmp_path):
    def create_metric(*_, **__):
        torch.hub.load_state_dict_from_url(f"http://127.0.0.1:9/{name}", model_dir=str(tmp_path))  # nobody answers

    monkeypatch.setitem(sys.modules, "pyiqa", types.SimpleNamespace(create_metric=create_metric))
    with pytest.raises(WeightsError, match=told) as raised:
        Lpips()
    assert "copy both caches" in str(raised.value)


def test_what_it_hands_over_and_gives_back(monkeypatch):
    calls = []

    def create_metric(name, device, **options):
        calls.append((name, options))
        return lambda image, other: (image - other).abs().mean().reshape(1, 1, 1, 1)

    monkeypatch.setitem(sys.modules, "pyiqa", types.SimpleNamespace(create_metric=create_metric))
    image, target = torch.rand(2, 3, 3, 64, 70, dtype=torch.float64)
    values = Lpips(net="vgg")(image=image, target=target)
    assert calls == [("lpips", {"net": "vgg"})]
    assert values.dtype == torch.float64
    assert torch.allclose(values, (image - target).abs().mean(dim=(1, 2, 3)), atol=1e-6)


@pytest.fixture
def without_imagenet(monkeypatch):
    """pyiqa's network on random features, with the fitted weights that torchmetrics ships."""
    pyiqa = pytest.importorskip("pyiqa", reason="pyiqa is not installed")
    other = pytest.importorskip("torchmetrics.functional.image.lpips", reason="torchmetrics is not installed")
    models = pytest.importorskip("torchvision.models", reason="torchvision does not work here")
    untrained = models.alexnet
    monkeypatch.setattr(models, "alexnet", lambda *_, **__: untrained(weights=None))
    fitted = Path(other.__file__).parent / "lpips_models" / "alex.pth"
    torch.manual_seed(0)
    created = pyiqa.create_metric("lpips", device="cpu", net="alex", pretrained_model_path=str(fitted))
    monkeypatch.setattr(lpips, "create_pyiqa_metric", lambda name, hint, **options: created)
    return created, other


def test_it_agrees_with_torchmetrics(without_imagenet):
    output, other = without_imagenet
    torch.manual_seed(0)
    reference = other._LPIPS(pretrained=True, net="alex", pnet_rand=True).eval()
    theirs, ours = reference.net.state_dict(), output.net.net.state_dict()
    reference.net.load_state_dict(dict(zip(theirs, ours.values(), strict=True)))
    image, target = torch.rand(2, 2, 3, 80, 72, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        exact = reference(image, target, normalize=True).reshape(-1)
    assert torch.allclose(Lpips()(image=image, target=target), exact, atol=1e-5)
    assert exact.min() > 0


def test_it_does_what_every_metric_must(without_imagenet):
    for check in collect_checks(
        next(zerokd_metric for zerokd_metric in zerokd_pyiqa.zerokd_metrics() if zerokd_metric.name == "lpips")
    ):
        check()
