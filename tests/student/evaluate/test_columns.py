"""Metrics as columns: what each is compared with, and how it is configured."""

import pytest
import torch

import zerokd
from zerokd.errors import RecipeError
from zerokd.plugin.catalogue import Catalogue, CatalogueEntry, Provider
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.evaluate.columns import build_columns


class Darkness(zerokd.Metric):
    ports = {"picture": zerokd.Port("what is measured", default="student.enhanced")}
    better = "lower"

    def forward(self, *, picture):
        return 1 - picture.mean(dim=(1, 2, 3))


class Distance(zerokd.Metric):
    ports = {"picture": zerokd.Port("measured", default="student.enhanced"), "aim": zerokd.Port("what it should be")}
    better = "lower"

    def forward(self, *, picture, aim):
        return (picture - aim).abs().mean(dim=(1, 2, 3))


def stranger(monkeypatch, component):
    spec = zerokd.MetricSpec("mine", target="nowhere:Mine", summary="a test")
    real = zerokd.Spec.load
    monkeypatch.setattr(zerokd.Spec, "load", lambda self: component if self.name == "mine" else real(self))
    return Catalogue((*discover_plugins().entries, CatalogueEntry(spec, Provider("mine", "1"))))


def test_metrics_of_plugins_are_put_where_their_ports_belong(monkeypatch):
    catalogue = stranger(monkeypatch, Darkness)
    column = build_columns(catalogue, False, False, ["mine"])[-1]
    image = torch.full((1, 3, 4, 4), 0.25)
    assert (column.key, column.better, column.measure(image, image).item()) == ("alone.mine", "lower", 0.75)
    catalogue = stranger(monkeypatch, Distance)
    with pytest.raises(RecipeError, match="compares images: nothing is given for port 'aim'"):
        build_columns(catalogue, False, False, ["mine"])
    assert build_columns(catalogue, True, True, ["mine"])[-1].key == "reference.mine"
    assert build_columns(catalogue, False, True, ["mine"])[-1].key == "teacher.mine"


def test_metrics_are_configured():
    columns = build_columns(discover_plugins(), True, False, ["ssim"], ["ssim.window=7"])
    assert [column.min_size for column in columns if column.key == "reference.ssim"] == [7]
    with pytest.raises(RecipeError, match="--set threads=1 names no metric"):
        build_columns(discover_plugins(), True, False, [], ["threads=1"])
    with pytest.raises(RecipeError, match=r"--set psnr\.\.\. needs --metric psnr"):
        build_columns(discover_plugins(), True, False, ["ssim"], ["psnr.window=7"])
    with pytest.raises(RecipeError, match=r"unknown key 'ssim\.windw'"):
        build_columns(discover_plugins(), True, False, ["ssim"], ["ssim.windw=7"])


def test_an_unknown_metric_is_told():
    with pytest.raises(RecipeError, match="unknown metric 'pnsr'"):
        build_columns(discover_plugins(), False, False, ["pnsr"])
