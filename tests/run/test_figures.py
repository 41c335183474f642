"""What a run draws shows what it should."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from zerokd.run.figures import build_monitored_lines, draw_curves, draw_samples, read_samples


def test_samples_stand_in_columns_and_rows_with_their_own_pixels(tmp_path):
    low = torch.stack([torch.full((3, 40, 80), value) for value in (0.0, 0.2)])
    draw_samples(tmp_path / "a.png", {"low": low, "student": low + 0.5})
    picture = np.asarray(Image.open(tmp_path / "a.png"))
    assert picture.shape == (22 + 2 * 166, 6 + 2 * 326, 3)  # 40x80 images, four times enlarged
    centres = [[int(picture[22 + row * 166 + 80, 6 + column * 326 + 160, 0]) for column in (0, 1)] for row in (0, 1)]
    assert centres == [[0, 128], [51, 178]]


def test_curves_have_a_panel_for_every_stage(tmp_path):
    def record(stage, epoch, value):
        terms = {"task.color": {"value": value, "weight": 2.0, "contribution": 2 * value}}
        terms["task.watched"] = {"value": value, "weight": 0.0, "contribution": 0.0}
        return json.dumps({"kind": "epoch", "stage": stage, "epoch": epoch, "total": 2 * value, "terms": terms})

    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text("\n".join(record(stage, epoch, 1 / (epoch + 1)) for stage in ("a", "b") for epoch in range(3)))
    draw_curves(tmp_path / "two.svg", metrics)
    metrics.write_text(record("a", 0, 1.0))
    draw_curves(tmp_path / "one.svg", metrics)
    two, one = ((tmp_path / name).read_text() for name in ("two.svg", "one.svg"))
    assert [two.count(f">{stage}: contribution of each term") for stage in "ab"] == [1, 1]
    assert two.count(">task.color<") == 2
    assert "task.watched" not in two
    assert (two.count("<circle"), one.count("<circle")) == (0, 2)  # one epoch is a dot
    assert one.count(": contribution of each term") == 2  # a title, and the file's label


def test_monitored_terms_have_a_panel_of_their_values(tmp_path):
    def record(epoch):
        terms = {"task.color": {"value": 1.0, "weight": 2.0, "contribution": 2.0}}
        terms["task.watched"] = {"value": 0.5 + epoch, "weight": 0.0, "contribution": 0.0, "monitored": True}
        return {"kind": "epoch", "stage": "a", "epoch": epoch, "total": 2.0, "terms": terms}

    records = [record(epoch) for epoch in range(3)]
    (line,) = build_monitored_lines(records)
    assert (line.name, [*line.xs], [*line.ys]) == ("task.watched", [1, 2, 3], [0.5, 1.5, 2.5])
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, records)))
    draw_curves(tmp_path / "a.svg", tmp_path / "metrics.jsonl")
    text = (tmp_path / "a.svg").read_text()
    assert text.count(">a: value of each monitored term") == 1
    assert text.count(">task.watched<") == 1


@pytest.mark.parametrize("side", [24, 200])
def test_what_is_read_from_a_sheet_is_what_was_drawn(tmp_path, side):
    low = torch.rand(3, 3, side, side + 5)
    draw_samples(tmp_path / "a.png", {"low": low, "student": 1 - low})
    found = read_samples(tmp_path / "a.png")
    assert list(found) == ["low", "student"]
    for name, batch in (("low", low), ("student", 1 - low)):
        for image, wanted in zip(found[name], batch, strict=True):
            exact = (wanted * 255).round().byte().permute(1, 2, 0).numpy()
            assert np.array_equal(np.asarray(image), exact)


def test_another_picture_is_no_sheet(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="no sample layout"):
        read_samples(tmp_path / "a.png")


def test_other_channels_and_sizes_are_drawn_too(tmp_path):
    """A frozen model may make other images than the student: one channel is grey, further ones are left out."""
    low, grey = torch.full((1, 3, 160, 160), 1.0), torch.full((1, 1, 80, 80), 0.6)
    many = torch.cat([torch.full((1, 3, 160, 160), 0.2), torch.ones(1, 2, 160, 160)], dim=1)
    draw_samples(tmp_path / "a.png", {"low": low, "grey": grey, "many": many})
    colours = {
        caption: np.unique(np.asarray(images[0])) for caption, images in read_samples(tmp_path / "a.png").items()
    }
    assert {caption: values.tolist() for caption, values in colours.items()} == {
        "low": [255],
        "grey": [153],
        "many": [51],
    }
