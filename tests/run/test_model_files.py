"""A teacher from a file of another program in a whole run: checked, recorded, cached, resumed, and never trained."""

import json
import os

import pytest
import torch
from rich.console import Console

from tests.command import zerokd
from tests.conftest import RECIPES
from zerokd.files.digest import file_sha256
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run import checkpointer, resume
from zerokd.run.folder import RunFolder
from zerokd.run.manifest import build_manifest
from zerokd.run.plan import prepare_run
from zerokd.run.progress import Progress
from zerokd.run.session import execute

pytest.importorskip("onnxruntime")
SMALL = ("data.size=16", "data.count=6", "stages.distill.epochs=4", "checkpoint_seconds=0.0", "threads=1")
KINDS = {"onnx_model": "OnnxModel", "torchscript_model": "TorchScriptModel", "exported_model": "ExportedModel"}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """``write(use, recipe text)``: the path of a recipe whose teacher is a trusted example file of that kind."""

    def write(use, more=""):
        component = discover_plugins().find("models", use).spec.load()
        options = component.write_example(tmp_path)
        monkeypatch.setenv("ZEROKD_TRUSTED_FILES", file_sha256(options["file"]))
        recipe = tmp_path / "mine.toml"
        recipe.write_text(
            f'extends = "{RECIPES}/fidelity.toml"\nname = "mine"\n[models.teacher]\nuse = "{use}"\n'
            f"file = {json.dumps(options['file'])}\n{more}"
        )
        return recipe

    return write


def command(name, recipe, *more):
    settings = [part for setting in SMALL for part in ("--set", setting)]
    return zerokd(name, recipe, *settings, *more)


@pytest.mark.parametrize("use", KINDS)
def test_it_teaches_and_the_manifest_has_its_digest(write, tmp_path, use):
    recipe = write(use)
    process = command("run", recipe, "--out", tmp_path / "run")
    assert process.returncode == 0, process.stderr
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    (file,) = tmp_path.glob("example.*")
    source = {"weights": str(file), "sha256": file_sha256(file)}
    assert manifest["models"]["teacher"].items() >= source.items()
    assert manifest["components"]["models.teacher"]["use"] == f"zerokd:{use}"
    assert "result" in manifest


def plan_run(recipe):
    document = apply_options(read_recipe_document(recipe), settings=SMALL, data=None, epochs=None, seed=None)
    recipe, components = check_recipe(document, discover_plugins())
    return prepare_run(components, torch.device("cpu")), recipe.model_dump(mode="json", exclude_none=True)


def execute_run(plan, folder, point=resume.NEW_RUN):
    with folder.lock(), open(os.devnull, "w") as devnull:
        execute(plan[0], folder, plan[1], build_manifest(plan[0]), Progress(Console(file=devnull)), point)


@pytest.fixture
def interrupt(monkeypatch, tmp_path):
    """``interrupt(recipe)``: the folder of a run that stopped after three steps."""

    def interrupt(recipe):
        folder, steps = RunFolder.create("mine", tmp_path / "stopped"), []
        after_step = checkpointer.Checkpointer.after_step

        def stop(self, *arguments, **options):
            after_step(self, *arguments, **options)
            steps.append(1)
            if len(steps) == 3:
                raise KeyboardInterrupt

        plan = plan_run(recipe)
        with monkeypatch.context() as patch:
            patch.setattr(checkpointer.Checkpointer, "after_step", stop)
            with pytest.raises(KeyboardInterrupt):
                execute_run(plan, folder)
        return folder

    return interrupt


@pytest.mark.parametrize("use", KINDS)
def test_a_stopped_run_ends_with_the_student_of_one_that_was_not(write, interrupt, tmp_path, use):
    recipe = write(use)
    whole, stopped = RunFolder.create("mine", tmp_path / "whole"), interrupt(recipe)
    execute_run(plan_run(recipe), whole)
    checkpoint, _ = resume.load_last_checkpoint(stopped)
    assert checkpoint is not None
    execute_run(plan_run(recipe), stopped, resume.ResumePoint(checkpoint))
    assert stopped.student.read_bytes() == whole.student.read_bytes()


def test_a_changed_file_is_refused_where_a_run_resumes(write, interrupt):
    recipe = write("onnx_model")
    stopped = interrupt(recipe)
    (file,) = recipe.parent.glob("example.*")
    content = file.read_bytes()
    file.write_bytes(content.replace(b"Sqrt", b"Tanh"))
    process = zerokd("resume", stopped.path)
    assert process.returncode == 3
    assert "models.teacher.sha256: was" in process.stderr
    file.write_bytes(content)
    assert zerokd("resume", stopped.path).returncode == 0


def test_its_outputs_are_cached_on_disk_and_computed_anew_for_another_file(write, tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path / "cache"))
    recipe = write("onnx_model")
    (file,) = tmp_path.glob("example.*")

    def run(name):
        process = command("run", recipe, "--out", tmp_path / name, "--set", 'speed.cache="disk"')
        assert process.returncode == 0, process.stderr
        manifest = json.loads((tmp_path / name / "manifest.json").read_text())
        text = json.dumps(manifest)
        start = text.index('"kept_on_disk": ') + len('"kept_on_disk": ')
        return json.JSONDecoder().raw_decode(text[start:])[0]

    first, again = run("first"), run("again")
    assert (first["found"], first["computed"]) == (0, 5)
    assert (again["found"], again["computed"]) == (5, 0)
    file.write_bytes(file.read_bytes().replace(b"Sqrt", b"Tanh"))
    other = run("other")
    assert (other["found"], other["computed"]) == (0, 5)
    assert other["maker"] != first["maker"]


@pytest.mark.parametrize("use", KINDS)
def test_a_student_from_a_file_is_refused(write, use):
    recipe = write(use, '[models.student]\nuse = "zero_dce_pp"\n')
    text = recipe.read_text()
    (file,) = recipe.parent.glob("example.*")
    recipe.write_text(text.replace('use = "zero_dce_pp"', f'use = "{use}"\nfile = {json.dumps(str(file))}'))
    process = command("check", recipe)
    assert process.returncode == 2
    assert "mine.toml:7:7: models.student has no parameter to train [no-gradient]" in process.stderr
    assert f'[models.teacher] use = "{use}" makes it a teacher' in process.stderr


THROUGH = """
[terms.distillation.through]
use = "mse"
on  = { prediction = "teacher(student.enhanced).enhanced", target = "teacher.enhanced" }
"""


@pytest.mark.parametrize("use", KINDS)
def test_only_programs_of_pytorch_pass_gradient(write, use):
    process = command("check", write(use, THROUGH))
    if use != "onnx_model":
        assert process.returncode == 0, process.stderr
        return
    assert process.returncode == 2
    assert "mine.toml:9:22: distillation.through: port 'prediction' must carry gradient" in process.stderr
    assert "no gradient passes through 'teacher' to what it runs on" in process.stderr


@pytest.mark.parametrize("use", KINDS)
def test_a_file_as_a_moving_target_trains_and_compiles_to_the_same(write, tmp_path, use):
    """Beside a target that is no constant, a compiled step equals the eager one, or is reported as impossible."""
    more = THROUGH.replace(
        '{ prediction = "teacher(student.enhanced).enhanced", target = "teacher.enhanced" }',
        '{ prediction = "student.enhanced", target = "teacher(student.enhanced).enhanced" }',
    )
    recipe = write(use, more)
    narrow = ("--set", "models.student.width=1", "--set", "models.student.iterations=1")  # compiled six times faster
    process = command("run", recipe, "--out", tmp_path / "run", "--set", 'speed.compile="try"', *narrow)
    assert process.returncode == 0, process.stderr
    assert ("cannot be compiled" in process.stdout) == (use == "onnx_model"), process.stdout


def test_a_size_that_does_not_fit_is_told_before_the_first_step(write):
    onnx = pytest.importorskip("onnx")
    recipe = write("onnx_model")
    (file,) = recipe.parent.glob("example.*")
    model = onnx.load(file)
    for axis, side in ((2, 32), (3, 24)):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = side
    onnx.save(model, file)
    process = command("check", recipe)
    assert process.returncode == 2
    assert "takes images of 32x24 pixels, and gets 16x16: set the size of [data]" in process.stderr
    assert "[shapes-differ]" in process.stderr


@pytest.mark.parametrize("use", KINDS)
@pytest.mark.parametrize("state", ["missing", "empty", "half", "text"])
def test_an_unusable_file_is_told_at_its_place(write, monkeypatch, use, state):
    recipe = write(use)
    (file,) = recipe.parent.glob("example.*")
    contents = {"empty": b"", "half": file.read_bytes()[:90], "text": b"hello" * 99}
    file.unlink() if state == "missing" else file.write_bytes(contents[state])
    if state != "missing":
        monkeypatch.setenv("ZEROKD_TRUSTED_FILES", file_sha256(file))
    process = command("run", recipe, "--out", recipe.parent / "run")
    assert process.returncode == 3
    assert "mine.toml:4:7: " in process.stderr
    assert "[weights-unusable]" in process.stderr
    assert not (recipe.parent / "run").exists()


def test_a_program_without_trust_stops_the_run(write, monkeypatch):
    recipe = write("torchscript_model")
    monkeypatch.delenv("ZEROKD_TRUSTED_FILES")
    process = command("run", recipe, "--out", recipe.parent / "run")
    assert process.returncode == 3
    assert "holds a program" in process.stderr


def test_weights_beside_a_file_are_refused(write):
    recipe = write("onnx_model")
    process = command("check", recipe, "--set", 'models.teacher.weights="bundled"')
    assert process.returncode == 2
    assert "has read its own file" in process.stderr
