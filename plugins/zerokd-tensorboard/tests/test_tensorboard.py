"""What TensorBoard reads back is what the run wrote down."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import zerokd_tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from zerokd_tensorboard.tensorboard import Tensorboard

from zerokd.testing import conformance

PAPER = Path(__file__).parents[3] / "recipes" / "paper.toml"
TINY = (
    "data.size=32",
    "data.count=6",
    "threads=1",
    "diagnose_every=2",
    'terms.distillation.perceptual.weights="random"',
)
MANIFEST = {
    "recipe": "x",
    "stages": [
        {"name": "pretrain", "objective": "a", "steps": 100},
        {"name": "distill", "objective": "a + b", "steps": 5},
    ],
}


@conformance(zerokd_tensorboard)
def test_conformance(check):
    check()


def read(folder):
    events = EventAccumulator(str(folder / "observers" / "tensorboard"))
    events.Reload()
    return events


def step(number, total):
    term = {"value": 2 * total, "weight": 0.5, "contribution": total}
    line = {"kind": "step", "stage": "distill", "epoch": 0, "step": number, "total": total, "learning_rate": 0.1}
    return line | {"gradient_norm": 1.5, "terms": {"task.color": term}}


def test_every_second_step_by_hand(tmp_path):
    observer = Tensorboard(every=2)
    observer.run_start(tmp_path, MANIFEST)
    for number in range(1, 6):
        observer.step_end(step(number, number / 8))
    observer.run_end({"seconds": 1.0}, None)
    scalars = [(event.step, event.value) for event in read(tmp_path).Scalars("distill/total")]
    assert scalars == [(102, 0.25), (104, 0.5)]  # over the whole run
    assert [event.value for event in read(tmp_path).Scalars("distill.value/task.color")] == [0.5, 1.0]


def test_factors_of_an_aggregator_are_written(tmp_path):
    observer, line = Tensorboard(), step(1, 0.5)
    observer.run_start(tmp_path, MANIFEST)
    observer.step_end(line)
    line["terms"]["task.color"]["factor"] = 0.75
    observer.step_end({**line, "step": 2})
    observer.run_end({"seconds": 1.0}, None)
    scalars = [(event.step, event.value) for event in read(tmp_path).Scalars("distill.factor/task.color")]
    assert scalars == [(102, 0.75)]


def test_an_error_is_written_and_the_file_is_closed(tmp_path):
    observer = Tensorboard()
    observer.run_start(tmp_path, MANIFEST)
    observer.step_end(step(1, 1.0))
    observer.run_end(None, "stopped")
    assert "error/text_summary" in read(tmp_path).Tags()["tensors"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same small run, watched and not."""
    folder = tmp_path_factory.mktemp("runs")
    settings = [part for one in TINY for part in ("--set", one)]
    for name, more in (("plain", []), ("watched", ["--observe", "tensorboard"])):
        command = [sys.executable, "-m", "zerokd", "run", str(PAPER), *settings, "--epochs", "4", "--out", name, *more]
        completed = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=240)
        assert completed.returncode == 0, completed.stderr
    return folder


def test_a_whole_run_reads_back_as_its_metrics(runs):
    lines = [json.loads(line) for line in (runs / "watched/metrics.jsonl").read_text().splitlines()]
    events = read(runs / "watched")
    for stage in ("pretrain", "distill"):
        steps = [line for line in lines if line["kind"] == "step" and line["stage"] == stage]
        written = [event.value for event in events.Scalars(f"{stage}/total")]
        assert written == pytest.approx([line["total"] for line in steps], rel=1e-6)
    tags = events.Tags()
    assert {"samples/pretrain", "samples/distill"} <= set(tags["images"])
    assert any(tag.startswith("distill.gradient_share/") for tag in tags["scalars"])
    assert {"pretrain/objective/text_summary", "manifest/text_summary"} <= set(tags["tensors"])


def test_watching_changes_no_bit(runs):
    plain, watched = ((runs / name / "student.safetensors").read_bytes() for name in ("plain", "watched"))
    assert plain == watched


def test_listing_imports_neither_torch_nor_tensorboard():
    code = (
        "import sys; from zerokd.plugin.discovery import discover_plugins; catalogue = discover_plugins()\n"
        "assert any(entry.spec.name == 'tensorboard' for entry in catalogue.entries)\n"
        "sys.exit('torch' in sys.modules or 'tensorboard' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
