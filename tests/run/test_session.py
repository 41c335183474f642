"""A whole run in small: what it leaves, that it repeats bit for bit, and that its student loads in one call."""

import json
import tomllib

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

import zerokd
from zerokd.errors import RecipeError, RunFolderError
from zerokd.run.folder import RunFolder
from zerokd.run.manifest import build_manifest
from zerokd.run.plan import prepare_run
from zerokd.run.progress import Progress
from zerokd.run.session import execute

CPU = torch.device("cpu")


@pytest.fixture
def finish(build, tmp_path):
    def finish(name, *settings):
        components = build("data.held_out=0.5", *settings)
        plan, folder = prepare_run(components, CPU), RunFolder.create("paper", tmp_path / name)
        with (tmp_path / f"{name}.txt").open("w") as file:
            execute(plan, folder, {"name": "paper"}, build_manifest(plan), Progress(Console(file=file)))
        return folder

    return finish


def test_a_run_leaves_everything_that_is_promised(finish):
    folder = finish("run", "diagnose_every=1")
    names = {str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file()}
    assert names == {
        "recipe.toml",
        "manifest.json",
        "metrics.jsonl",
        "student.safetensors",
        "curves.svg",
        "samples/pretrain.png",
        "samples/distill.png",
    }
    assert tomllib.loads((folder.path / "recipe.toml").read_text()) == {"name": "paper"}
    manifest = json.loads((folder.path / "manifest.json").read_text())
    assert manifest["versions"]["torch"] == torch.__version__.split("+")[0]
    assert manifest["data"]["images"] == 6
    assert manifest["models"]["teacher"]["weights"].startswith("bundled ")
    assert len(manifest["models"]["teacher"]["sha256"]) == 64
    assert manifest["stages"][1]["coefficients"]["task"] == pytest.approx(0.55)
    assert manifest["stages"][0]["forwards"] == ["student"]
    assert [len(about["probe"]["terms"]) for about in manifest["stages"]] == [3, 14]
    assert [text.split(":")[0] for text in manifest["cautions"]] == [
        "pretraining.exposure, task.exposure",
        "distillation.perceptual",
    ]
    assert set(manifest["result"]["fidelity"]) == {"measured_on", "student to teacher", "input to teacher"}
    assert manifest["result"]["fidelity"]["measured_on"] == "held-out"
    for about in manifest["stages"]:
        assert about["capacity"]["channels"]["count"] == 8
        assert "not_tried" in about["capacity"]["parameters"]
    last, whole = manifest["stages"][-1]["capacity"], manifest["result"]["capacity"]
    assert whole["channels"] == last["channels"]
    assert whole["images"] == 3  # half of six are held out
    assert whole["parameters"]["count"] == 161
    assert len(whole["parameters"]["names"]) == whole["parameters"]["idle"]


def test_the_student_loads_with_one_call_and_is_what_was_trained(finish, build):
    model = zerokd.load_model(finish("run", "models.student.width=5").student)
    assert model.config.width == 5
    assert not model.training
    low = torch.rand(1, 3, 17, 9)
    assert model(low)["enhanced"].shape == low.shape


def test_training_keeps_every_hidden_channel_alive(finish, build):
    settings = ("data.count=12", "stages.pretrain.epochs=20", "stages.distill.epochs=20")
    student = zerokd.load_model(finish("run", *settings).student)
    data = build(*settings).data
    low = torch.stack([data[index] for index in range(12)]).float() / 255
    with torch.no_grad():
        first = student.e_conv1(low)
        second = student.e_conv2(first.relu())
    open_share = torch.cat([(hidden > 0).float().mean(dim=(0, 2, 3)) for hidden in (first, second)])
    assert open_share.shape == (8,)
    assert (open_share > 0.01).all(), open_share


def test_a_channel_that_dies_is_written_and_said(build, tmp_path):
    plan = prepare_run(build("data.held_out=0.5"), CPU)
    with torch.no_grad():
        plan.components.student.e_conv2.point_conv.bias[1] = -100.0  # further than two steps reach
    folder = RunFolder.create("paper", tmp_path / "run")
    console = Console(record=True, width=200, file=(tmp_path / "out").open("w"))
    execute(plan, folder, {}, build_manifest(plan), Progress(console))
    manifest = json.loads((folder.path / "manifest.json").read_text())
    for about in (*manifest["stages"], manifest["result"]):
        channels = about["capacity"]["channels"]
        assert (channels["dead"], channels["names"], channels["open"]["e_conv2"][1]) == (1, ["e_conv2[1]"], 0.0)
    output = console.export_text()
    assert "pretrain: 7 of 8 hidden channels alive on 3 images; DEAD: e_conv2[1]" in output
    idle = manifest["result"]["capacity"]["parameters"]["names"]
    assert {f"e_conv2.point_conv.weight[1,{channel},0,0]" for channel in range(4)} <= set(idle)
    effect = "have no visible effect (zeroing any one changes no pixel by half a level)"
    assert f"{len(idle)} of 161 parameters {effect}: {idle[0]}, " in output


def test_the_same_seed_gives_the_same_bytes(finish):
    first, again, other = finish("one"), finish("two"), finish("three", "seed=1")
    assert first.student.read_bytes() == again.student.read_bytes()
    assert first.metrics.read_bytes() == again.metrics.read_bytes()
    assert first.student.read_bytes() != other.student.read_bytes()


def test_sample_pictures_show_low_teacher_and_student(finish, build):
    folder, components = finish("run"), build()
    shown = json.loads((folder.path / "manifest.json").read_text())["data"]["held_out"][0]
    image = next(components.data[index] for index in range(6) if components.data.name(index) == shown)
    low = image[None].float() / 255
    with torch.no_grad():
        models = components.models["teacher"], zerokd.load_model(folder.student)
        expected = [low, *(model(low)["enhanced"] for model in models)]
    sheet = np.asarray(Image.open(folder.sample_path("distill")))
    for column, tensor in enumerate(expected):
        cell = sheet[22 : 22 + 160 : 5, 6 + column * 166 : 166 + column * 166 : 5]
        assert np.abs(cell - tensor[0].permute(1, 2, 0).numpy() * 255).max() < 1.0


def test_a_fallback_is_said_and_written(build, tmp_path, monkeypatch):
    components = build()
    fallback = "vgg_perceptual: random weights"
    object.__setattr__(components, "fallbacks", (fallback,))
    folder = RunFolder.create("paper", tmp_path / "run")
    console = Console(record=True, width=80, file=(tmp_path / "out").open("w"))
    progress = Progress(console)
    progress.report_start(components, folder)
    plan = prepare_run(components, CPU)
    execute(plan, folder, {}, build_manifest(plan), progress)
    output = console.export_text()
    assert f"FALLBACK: {fallback}" in output
    assert output.count("caution: pretraining.exposure, task.exposure: ") == 1
    assert json.loads((folder.path / "manifest.json").read_text())["fallbacks"] == [fallback]


@pytest.mark.parametrize(("name", "count"), [("off", 0), ("bfloat16", 0), ("float16", 1)])
def test_what_is_slow_on_a_processor_is_said_and_written(build, name, count):
    plan = prepare_run(build(f"speed.autocast={name}", 'run=["pretrain"]'), torch.device("cpu"))
    cautions = build_manifest(plan)["cautions"]
    assert sum("float16" in caution for caution in cautions) == count


def test_problems_of_all_stages_come_together(build):
    components = build(
        'terms.task.color.on.enhanced="student.curve_map"',
        'terms.pretraining.exposure.on.enhanced="student.curve_map"',
    )
    with pytest.raises(RecipeError) as caught:
        prepare_run(components, CPU)
    assert len(caught.value.problems) == 2


def test_a_full_disk_is_told_as_such(build, tmp_path, monkeypatch):
    plan = prepare_run(build(), CPU)
    folder = RunFolder.create("paper", tmp_path / "run")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunFolder, "write_manifest", full)
    with pytest.raises(RunFolderError) as caught:
        execute(plan, folder, {}, build_manifest(plan), Progress(Console(quiet=True)))
    assert "No space left on device" in str(caught.value)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"__getitem__": lambda self, i: torch.rand(3, 32, 32)},
            "must give torch.uint8 (3, 32, 32), got torch.float32",
        ),
        ({"__getitem__": lambda self, i: torch.zeros(1, 32, 32, dtype=torch.uint8)}, "got torch.uint8 (1, 32, 32)"),
        ({"name": lambda self, i: "same"}, "a unique name"),
        ({"__len__": lambda self: 0}, "has no image"),
        ({"name": lambda self, i: 1 / 0}, "failed: ZeroDivisionError"),
    ],
)
def test_a_data_source_that_breaks_its_contract_is_refused(build, monkeypatch, change, message):
    components = build()
    for name, function in change.items():
        monkeypatch.setattr(type(components.data), name, function)
    with pytest.raises(RecipeError) as caught:
        prepare_run(components, CPU)
    assert message in str(caught.value)


def test_black_photos_do_not_refuse_a_good_recipe(build, monkeypatch):
    components = build()
    monkeypatch.setattr(type(components.data), "__getitem__", lambda self, i: torch.zeros(3, 32, 32, dtype=torch.uint8))
    assert len(prepare_run(components, CPU).objectives) == 2


def test_an_augmentation_that_fails_is_blamed_before_the_first_step(build, monkeypatch):
    components = build()
    monkeypatch.setattr(type(components.stages[0].augmentations[0]), "apply", lambda self, low, draws: low * 50)
    with pytest.raises(RecipeError, match="the augmented input is declared within"):
        prepare_run(components, CPU)
