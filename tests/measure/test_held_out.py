"""What a student is worth: metrics in the manifest, in metrics.jsonl and on the screen; references that are missing."""

import io
import json

import pytest
import torch
from rich.console import Console

from zerokd.errors import RecipeError
from zerokd.measure.held_out import find_missing_references, load_metric_batches, measure_fidelity
from zerokd.run.folder import RunFolder
from zerokd.run.manifest import build_manifest
from zerokd.run.plan import prepare_run
from zerokd.run.progress import Progress
from zerokd.run.session import execute

CPU = torch.device("cpu")
TEACHER = 'metrics.copy={use="psnr", on={target="teacher.enhanced"}}'
REFERENCE = 'metrics.truth={use="ssim", on={target="reference"}}'


def run(components, path, break_plan=lambda plan: None):
    folder = RunFolder.create("paper", path)
    console = Console(file=io.StringIO(), width=200)
    plan = prepare_run(components, CPU)
    break_plan(plan)
    execute(plan, folder, {}, build_manifest(plan), Progress(console))
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    return folder, json.loads(folder.manifest.read_text()), lines, console.file.getvalue()


def test_metrics_are_measured_after_each_stage_and_written_and_said(build, tmp_path):
    components = build("data.held_out=0.5", TEACHER, REFERENCE)
    _, manifest, lines, output = run(components, tmp_path / "run")
    copy, truth = manifest["result"]["metrics"]["copy"], manifest["result"]["metrics"]["truth"]
    assert (copy["unit"], copy["better"], copy["images"], copy["measured_on"]) == ("dB", "higher", 3, "held-out")
    assert list(copy["stages"]) == ["untrained", "pretrain", "distill"]
    assert copy["value"] == copy["stages"]["distill"] != copy["stages"]["pretrain"]
    assert copy["value"] == pytest.approx(manifest["result"]["fidelity"]["student to teacher"], abs=0.006)
    measured = [(line["stage"], line["name"], line["value"]) for line in lines if line["kind"] == "metric"]
    assert measured == [
        (stage, name, message["stages"][stage])
        for stage in ("pretrain", "distill")
        for name, message in (("copy", copy), ("truth", truth))
    ]
    assert f"distill: copy psnr on 3 held-out images: {copy['value']:.4g} dB (higher is better)" in output
    assert [about["metrics"]["truth"]["value"] for about in manifest["stages"]] == list(truth["stages"].values())[1:]


def test_metrics_change_nothing_of_the_student(build, tmp_path):
    plain, manifest, _, _ = run(build(), tmp_path / "plain")
    measured, _, _, _ = run(build(TEACHER, REFERENCE), tmp_path / "measured")
    assert plain.student.read_bytes() == measured.student.read_bytes()
    assert "metrics" not in manifest["result"]


def test_a_metric_that_fails_after_training_costs_no_student(build, tmp_path):
    def break_plan(plan):
        plan.metric_evaluator.metrics[0].metric.forward = lambda **ports: 1 / 0

    folder, manifest, _, output = run(build(TEACHER), tmp_path / "run", break_plan)
    copy = manifest["result"]["metrics"]["copy"]
    assert copy["value"] is None
    assert copy["failed"]["distill"] == "metric 'psnr' failed: ZeroDivisionError: division by zero"
    assert "distill: metric copy FAILED: metric 'psnr' failed: ZeroDivisionError" in output
    assert folder.student.exists()


def test_the_reference_is_the_data_sources_well_lit_version(build):
    components = build(REFERENCE)
    first, second = load_metric_batches(components.metrics, components.data, [0, 1, 2, 3, 5], CPU)
    assert (len(first["low"]), len(second["reference"])) == (4, 1)
    assert torch.equal(second["reference"][0] * 255, components.data.reference(5).float())
    (alone,) = load_metric_batches(build(TEACHER).metrics, components.data, [0], CPU)
    assert set(alone) == {"low"}


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "port 'target' reads 'reference', and the data source has none of 'dead_leaves/1'"),
        (
            torch.zeros(3, 2, 2, dtype=torch.uint8),
            "must return a reference torch.uint8 (3, 32, 32), got torch.uint8 (3,",
        ),
        (torch.zeros(3, 32, 32), "got torch.float32 (3, 32, 32)"),
    ],
)
def test_a_reference_that_is_missing_or_wrong_is_told_before_the_first_step(build, image, message):
    components = build(REFERENCE, "data.held_out=0.0")
    components.data.reference = lambda index: image if index == 1 else components.data._get_pair(index)[1]
    (problem,) = find_missing_references(components.metrics, components.data, [0, 1, 2])
    assert message in problem.message
    assert problem.place.file.startswith("--set metrics.truth")
    with pytest.raises(RecipeError, match="reference"):
        prepare_run(components, CPU)


def test_fidelity_leaves_out_a_teacher_of_another_shape(build):
    components = build()
    images = torch.rand(2, 3, 32, 32)
    assert set(measure_fidelity(components, images)) == {"student to teacher", "input to teacher"}
    half = torch.nn.AvgPool2d(2)
    components.models["teacher"].register_forward_hook(
        lambda module, _, outputs: {"enhanced": half(outputs["enhanced"])}
    )
    assert measure_fidelity(components, images) == {}
