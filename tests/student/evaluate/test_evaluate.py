"""Measures agree with other implementations, photo by photo; what cannot be measured is named."""

import numpy as np
import pytest
import torch
from PIL import Image

from tests.pairs import write_pairs
from tests.phases import record_phases
from tests.student.evaluate.test_columns import Darkness, stranger
from zerokd.errors import DataError
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.enhance.inputs import FileStatus
from zerokd.student.evaluate import cost, evaluate
from zerokd.student.evaluate.columns import build_columns
from zerokd.student.evaluate.evaluate import evaluate_methods, measure_costs, pair_photos
from zerokd.student.evaluate.methods import Method, build_baselines, build_methods


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Three dark photos, and what they should be."""
    monkeypatch.setattr(cost, "TIMING_SIZE", (16, 16))
    return write_pairs(tmp_path, ("a", "deep/b", "c"))


def pixels(path):
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def test_it_agrees_with_torchmetrics_on_every_photo(folders):
    from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

    catalogue = discover_plugins()
    methods, teacher = build_methods((), "bundled", catalogue)
    evaluation = evaluate_methods(*folders, methods, teacher, build_columns(catalogue, True, True))
    assert set(evaluation.values) == {"a.png", "c.png", "deep/b.png"}
    for name, rows in evaluation.values.items():
        low, high = (pixels(folder / name) for folder in folders)
        for method in methods:
            enhanced = method.enhance(low)
            values = rows[method.name]
            for group, target in (("reference", high), ("teacher", teacher.enhance(low))):
                if group == "teacher" and method is teacher:
                    continue
                psnr = peak_signal_noise_ratio(enhanced, target, data_range=1.0)
                assert abs(values[f"{group}.psnr"] - psnr) < 1e-4
                ssim = structural_similarity_index_measure(enhanced, target, data_range=1.0)
                assert abs(values[f"{group}.ssim"] - ssim) < 1e-4
            assert abs(values["alone.brightness"] - enhanced.mean()) < 1e-6


def test_means_are_over_photos_and_costs_are_of_models(folders):
    catalogue = discover_plugins()
    methods, _ = build_methods(("fidelity",), None, catalogue)
    evaluation = evaluate_methods(*folders, methods, None, build_columns(catalogue, True, False))
    column = next(column for column in evaluation.columns if column.key == "reference.psnr")
    assert evaluation.mean("gamma", column) == pytest.approx(
        sum(rows["gamma"]["reference.psnr"] for rows in evaluation.values.values()) / 3
    )
    evaluation.costs = measure_costs(methods)
    assert list(evaluation.costs) == ["fidelity"]
    data = evaluation.as_json()
    assert data["methods"]["fidelity"]["cost"]["macs_per_pixel"] == 139
    assert len(data["methods"]["fidelity"]["sha256"]) == 64
    assert data["methods"]["input"]["cost"] is None


def test_without_references_and_teacher_each_picture_stands_alone(folders):
    evaluation = evaluate_methods(
        folders[0], None, build_baselines(), None, build_columns(discover_plugins(), False, False)
    )
    assert [column.key for column in evaluation.columns] == [
        "alone.brightness",
        "alone.clipped_share",
        "alone.color_cast",
    ]


def test_what_cannot_be_measured_is_named(folders):
    low, high = folders
    (low / "broken.png").write_bytes(b"no")
    (high / "broken.png").write_bytes(b"no")
    (high / "c.png").unlink()
    Image.new("RGB", (24, 31)).save(high / "a.png")
    reports = []
    evaluation = evaluate_methods(
        low,
        high,
        build_baselines(),
        None,
        build_columns(discover_plugins(), True, False),
        reports.append,
    )
    assert list(evaluation.values) == ["deep/b.png"]
    assert evaluation.failures == {
        "c.png": f"there is no reference c.* in {str(high)!r}",
        "a.png": "the reference is 24x31, the photo 31x24",
        "broken.png": "not an image, or damaged at its start",
    }
    assert [report.name for report in reports if report.status is FileStatus.FAILED] == ["c.png", "a.png", "broken.png"]


def test_a_photo_that_is_too_small_for_a_measure(folders):
    Image.new("RGB", (9, 40)).save(folders[0] / "s.png")
    Image.new("RGB", (9, 40)).save(folders[1] / "s.png")
    evaluation = evaluate_methods(*folders, build_baselines(), None, build_columns(discover_plugins(), True, False))
    assert evaluation.failures == {"s.png": "9x40 pixels; the metrics need at least 11 on a side"}


def test_one_photo_and_its_reference(folders):
    low, high = folders[0] / "a.png", folders[1] / "c.png"  # of whatever name
    assert pair_photos(low, high) == ([("a.png", low, high)], {})


def test_nothing_to_measure(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        pair_photos(tmp_path / "nowhere", None)
    with pytest.raises(DataError, match="no photo in"):
        pair_photos(tmp_path, None)
    (tmp_path / "a.png").write_text("no")
    with pytest.raises(DataError, match=r"no photo of .* could be measured"):
        evaluate_methods(tmp_path, None, build_baselines(), None, build_columns(discover_plugins(), False, False))


def test_values_beyond_the_range_are_cut_before_they_are_measured(folders):
    wild = Method("wild", lambda low: low * 100 - 10)
    evaluation = evaluate_methods(folders[0], None, [wild], None, build_columns(discover_plugins(), False, False))
    assert all(0 <= rows["wild"]["alone.brightness"] <= 1 for rows in evaluation.values.values())


def test_what_is_no_number_is_null(folders, monkeypatch):
    class Nothing(Darkness):
        def forward(self, *, picture):
            return picture.mean(dim=(1, 2, 3)) * float("nan")

    evaluation = evaluate_methods(
        folders[0], None, build_baselines(), None, build_columns(stranger(monkeypatch, Nothing), False, False, ["mine"])
    )
    assert evaluation.as_json()["methods"]["gamma"]["mean"]["alone.mine"] is None


def test_timing_is_a_phase(monkeypatch):
    monkeypatch.setattr(cost, "TIMING_SIZE", (16, 16))
    texts = record_phases(monkeypatch, evaluate)
    methods, _ = build_methods(["fidelity"], None, discover_plugins())
    measure_costs(methods)
    assert texts == ["timing fidelity"]
