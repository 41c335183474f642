"""A line of metrics.jsonl is as zerokd writes it, or its file and number are named."""

import json

import pytest

from zerokd.errors import RunFolderError
from zerokd.training.log_records import read_log_lines

TERM = {"value": 0.5, "weight": 1.0, "contribution": 0.5}
STEP = {"kind": "step", "stage": "a", "epoch": 0, "step": 1, "total": 0.5, "learning_rate": 0.1, "gradient_norm": 2}
LINES = [
    {**STEP, "terms": {"x": TERM, "y": {"value": None, "weight": None, "contribution": None, "monitored": True}}},
    {"kind": "gradients", "stage": "a", "epoch": 0, "step": 1, "terms": {"x": {"norm": 1.0, "share": 1.0}}}
    | {"labels": ["x"], "cosines": [[1.0]]},
    {"kind": "epoch", "stage": "a", "epoch": 0, "steps": 1, "total": 0.5, "terms": {"x": TERM}},
    {"kind": "skipped", "stage": "a", "step": 2, "images": ["\udcff"], "note": ""},
    {"kind": "metric", "stage": "a", "name": "m", "value": None, "fault": "x"},
    {"kind": "of a later version", "stage": "a", "anything": [1]},
]


def write(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_all_kinds_are_read_as_they_are(tmp_path):
    assert list(read_log_lines(write(tmp_path / "m.jsonl", *LINES))) == LINES


def test_a_cut_last_line_is_left_out_and_reported(tmp_path):
    path, cut = write(tmp_path / "m.jsonl", *LINES), []
    path.write_bytes(path.read_bytes() + b'{"kind": "st')
    assert list(read_log_lines(path, lambda: cut.append(1))) == LINES
    assert cut == [1]
    with pytest.raises(RunFolderError, match=f"line {len(LINES) + 1}"):
        list(read_log_lines(path))


def without(line, key):
    return {name: value for name, value in line.items() if name != key}


DAMAGE = {
    "text": "text",
    "a list": [],
    "no kind": {"stage": "a"},
    "kind is a list": {"kind": [], "stage": "a"},
    "no stage": without(LINES[0], "stage"),
    "a lone surrogate": {**LINES[2], "stage": "\ud800"},
    "terms are a list": {**LINES[2], "terms": []},
    "a term is text": {**LINES[2], "terms": {"x": "1"}},
    "a number is text": {**LINES[0], "total": "1"},
    "no step": without(LINES[3], "step"),
    "cosines are numbers": {**LINES[1], "cosines": [1.0]},
}


@pytest.mark.parametrize("line", DAMAGE.values(), ids=DAMAGE)
def test_another_line_is_named_with_its_file(tmp_path, line):
    path = write(tmp_path / "m.jsonl", LINES[0], line, LINES[1])
    with pytest.raises(RunFolderError, match=r"m\.jsonl' is damaged: line 2: ") as caught:
        list(read_log_lines(path))
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("text", [b"\0" * 999, b"\xff\n", b"[" * 100_000 + b"\n", b'{"kind": ' + b"9" * 400 + b"}\n"])
def test_bytes_that_are_no_line_are_named(tmp_path, text):
    (tmp_path / "m.jsonl").write_bytes(text + b"{}\n")
    with pytest.raises(RunFolderError, match="line 1"):
        list(read_log_lines(tmp_path / "m.jsonl"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RunFolderError, match="cannot read"):
        list(read_log_lines(tmp_path / "m.jsonl"))
