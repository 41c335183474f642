"""A file that differs from PyTorch reaches nobody."""

import numpy as np
import pytest
import torch

import zerokd
from tests.phases import record_phases
from zerokd.errors import ExportError, OutputError, PluginError, RecipeError
from zerokd.models.nano_dce import NanoDce
from zerokd.plugin.discovery import discover_plugins
from zerokd.student import export
from zerokd.student.export import CHECK_SHAPES, build_exporter, compare_with_pytorch, export_model
from zerokd.student.load import TrainedModel


@pytest.fixture
def trained():
    torch.manual_seed(0)
    return TrainedModel(NanoDce().eval(), "student.safetensors", {"recipe": "paper"})


class Wrong(zerokd.Exporter):
    """Writes nothing of use."""

    suffix = ".txt"
    enhance = staticmethod(lambda low: low)

    def write(self, model, path, facts):
        path.write_text("model")

    def run(self, path):
        return self.enhance


def wrong(enhance=lambda low: low, **names):
    return type("Wrong", (Wrong,), {"enhance": staticmethod(enhance), **names})()


def exact(model):
    def enhance(low):
        with torch.no_grad():
            return model(torch.from_numpy(low))["enhanced"].numpy()

    return enhance


def test_a_right_file_takes_its_place(tmp_path, trained):
    result = export_model(trained, wrong(exact(trained.model)), tmp_path / "a.txt")
    assert (result.max_difference, result.size) == (0.0, 5)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("enhance", "reason"),
    [
        (lambda low: low, "differs from PyTorch by"),
        (lambda low: low * np.nan, "differs from PyTorch by"),
        (lambda low: low[:, :2], r"gives \(1, 2, 1, 1\)"),
    ],
)
def test_a_wrong_one_is_not_kept_and_an_older_file_is(tmp_path, trained, enhance, reason):
    (tmp_path / "a.txt").write_text("older")
    with pytest.raises(ExportError, match=reason):
        export_model(trained, wrong(enhance), tmp_path / "a.txt")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["older"]


def test_one_wrong_size_among_twenty_is_found(trained):
    right = exact(trained.model)
    assert len(CHECK_SHAPES) == 20
    for shape in CHECK_SHAPES:

        def odd(low, shape=shape):
            return right(low) + (1e-3 if low.shape == (shape[0], 3, *shape[1:]) else 0)

        with pytest.raises(ExportError, match=f"{shape[0]} x {shape[1]} x {shape[2]} pixels"):
            compare_with_pytorch(trained, odd, 1e-5)
    assert compare_with_pytorch(trained, right, 1e-5) == (0.0, 0.0)


def test_what_it_costs_is_measured(trained):
    right = exact(trained.model)
    max_difference, mean_square = compare_with_pytorch(trained, lambda low: right(low) + np.float32(0.01), 0.1)
    assert max_difference == pytest.approx(0.01, rel=1e-3)
    assert mean_square == pytest.approx(1e-4, rel=1e-3)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("it uses silu"), ExportError, "this model has no Wrong export: it uses silu"),
        (ImportError("No module named 'x'", name="x"), ExportError, "needs a package"),
        (RuntimeError("boom"), PluginError, "exporter Wrong failed: RuntimeError: boom"),
    ],
)
def test_its_errors_are_told_in_words(tmp_path, trained, error, kind, text):
    def write(self, model, path, facts):
        raise error

    with pytest.raises(kind, match=text):
        export_model(trained, wrong(write=write), tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("use", ["c", "glsl"])
def test_a_model_that_code_cannot_hold_is_told_why(tmp_path, use):
    class Odd(zerokd.Model):
        def outputs(self):
            return {"enhanced": zerokd.Signal(range=(0.0, 1.0))}

        def forward(self, low):
            return {"enhanced": torch.nn.functional.silu(low)}

    with pytest.raises(ExportError, match=f"this model has no {use.capitalize()} export: it uses silu") as caught:
        export_model(TrainedModel(Odd().eval(), "", {}), build_exporter(use, [], discover_plugins()), tmp_path / "a")
    assert "the model is Odd; onnx holds any model" in str(caught.value)


class OfTwoFiles(zerokd.Exporter):
    """Writes a file and one beside it."""

    suffix, companions = ".txt", (".bin",)

    def __init__(self, enhance):
        super().__init__()
        self.enhance = enhance

    def write(self, model, path, facts):
        path.write_text("layers")
        path.with_suffix(".bin").write_text("weights")

    def run(self, path):
        assert path.with_suffix(".bin").read_text() == "weights"
        return self.enhance


def test_files_of_a_format_take_their_places_together(tmp_path, trained):
    result = export_model(trained, OfTwoFiles(exact(trained.model)), tmp_path / "a.txt")
    assert result.size == len("layers") + len("weights")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin", "a.txt"]
    with pytest.raises(ExportError):
        export_model(trained, OfTwoFiles(lambda low: low), tmp_path / "b.txt")
    with pytest.raises(OutputError, match="suffix of a file that lies beside it"):
        export_model(trained, OfTwoFiles(exact(trained.model)), tmp_path / "b.bin")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin", "a.txt"]


def test_a_folder_is_no_file(tmp_path, trained):
    with pytest.raises(OutputError, match="is a folder"):
        export_model(trained, wrong(), tmp_path)
    with pytest.raises(OutputError, match="cannot write"):
        export_model(trained, wrong(exact(trained.model)), tmp_path / "nowhere" / "a.txt")


def test_exporters_are_found_by_name_and_configured():
    assert build_exporter("onnx", ["precision=int8"], discover_plugins()).config.precision == "int8"
    with pytest.raises(RecipeError, match="unknown exporter 'onxx'"):
        build_exporter("onxx", [], discover_plugins())
    with pytest.raises(RecipeError) as caught:
        build_exporter("onnx", ["precison=int8", "pixels=9"], discover_plugins())
    assert len(caught.value.problems) == 2
    assert "did you mean 'precision'" in str(caught.value)


def test_phases_say_what_lasts(tmp_path, trained, monkeypatch):
    texts = record_phases(monkeypatch, export)
    export_model(trained, wrong(exact(trained.model)), tmp_path / "a.txt")
    assert texts == ["exporting to Wrong", "comparing with PyTorch"]
