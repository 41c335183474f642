"""A run folder is read back as it is; what is not there is said."""

import base64
import io
import json
import random

import numpy as np
import pytest
from PIL import Image

from tests.mutated_records import exit_code, mutations
from tests.pages.runs import copied
from zerokd.errors import RunFolderError
from zerokd.pages import run_record
from zerokd.pages.report import write_report
from zerokd.pages.run_record import read_run, to_data_uri
from zerokd.run.figures import read_samples


def test_lines_by_stage_and_kind(tmp_path):
    run = read_run(copied(tmp_path))
    assert [record["epoch"] for record in run.select_log_records("distill", "epoch")] == [0, 1, 2]
    assert len(run.select_log_records("distill", "gradients")) >= 1
    assert run.select_log_records("nowhere", "step") == []
    assert run.name == "run"
    assert 'name = "paper"' in run.recipe


def test_samples_are_those_that_were_drawn(tmp_path):
    run = read_run(copied(tmp_path))
    (first, *_) = run.load_sample_images("distill")
    assert list(first) == ["low", "teacher", "student"]
    image = Image.open(io.BytesIO(base64.b64decode(first["low"].partition(",")[2])))
    drawn = read_samples(run.folder.sample_path("distill"))["low"][0]
    assert np.array_equal(np.asarray(image), np.asarray(drawn))


def test_the_ramp_is_the_students_own_curve(tmp_path):
    red, green, blue, unchanged = read_run(copied(tmp_path)).compute_grey_ramp()
    for line in (red, green, blue):
        assert (line.ys[0], line.ys[-1]) == (0, 1)
        assert len(line.ys) == 33
    assert unchanged.xs == unchanged.ys


def test_what_is_missing_is_said(tmp_path):
    folder = copied(tmp_path)
    (folder / "samples" / "distill.png").unlink()
    (folder / "student.safetensors").unlink()
    (folder / "recipe.toml").unlink()
    run = read_run(folder)
    assert (run.load_sample_images("distill"), run.compute_grey_ramp(), run.recipe) == ([], [], "")
    assert run.missing == ["recipe.toml", "samples of stage distill", "student.safetensors: the run is not finished"]


def test_a_sheet_without_layout_and_half_a_line_are_missing_too(tmp_path):
    folder = copied(tmp_path)
    Image.new("RGB", (9, 9)).save(folder / "samples" / "distill.png")
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "st')
    (folder / "student.safetensors").write_text("no")
    run = read_run(folder)
    run.load_sample_images("distill")
    run.compute_grey_ramp()
    assert run.missing[0] == "the last line of metrics.jsonl"
    assert run.missing[1] == "samples of stage distill"
    assert run.missing[2].startswith("the student's curve: cannot read weights")


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}"])
def test_no_run_is_told(tmp_path, text):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(RunFolderError, match="is not a run folder"):
        read_run(tmp_path)


def test_an_image_in_the_page_is_the_image():
    image = Image.fromarray(np.arange(27, dtype=np.uint8).reshape(3, 3, 3))
    again = Image.open(io.BytesIO(base64.b64decode(to_data_uri(image).removeprefix("data:image/png;base64,"))))
    assert np.array_equal(np.asarray(again), np.asarray(image))


def test_a_model_that_cannot_see_a_flat_image_is_told(tmp_path, monkeypatch):
    def model(low):
        raise RuntimeError("wants 20 pixels a side")

    monkeypatch.setattr(run_record, "load_model", lambda *arguments: model)
    run = read_run(copied(tmp_path))
    assert run.compute_grey_ramp() == []
    assert run.missing == ["the student's curve: RuntimeError: wants 20 pixels a side"]


@pytest.mark.parametrize("name", ["manifest.json", "metrics.jsonl"])
def test_no_record_ends_a_report_in_anything_but_exit_code_5(tmp_path, name):
    folder, draw, outcomes = copied(tmp_path), random.Random(7), set()
    whole = (folder / name).read_text()
    lines = whole.splitlines() if name == "metrics.jsonl" else [whole]
    for number in range(30):
        position = draw.randrange(len(lines))
        (text,) = mutations(json.loads(lines[position]), 1, number)
        (folder / name).write_text("\n".join([*lines[:position], text, *lines[position + 1 :], ""]))
        outcomes.add(exit_code(lambda: write_report(folder)))
    assert outcomes == {0, 5}
