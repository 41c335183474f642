"""The same on a real GPU, where there is one: what a simulated device cannot show. tests/run/test_elsewhere.py has
the rest."""

import json
import re
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from tests.command import zerokd
from tests.conftest import RECIPES, ROOT, TINY
from zerokd.losses.ssim import SsimLoss
from zerokd.training.device import configure_determinism

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

SETTINGS = (*TINY, "stages.pretrain.epochs=2", "stages.distill.epochs=3", "diagnose_every=4", "data.count=9")
COMPILED = 'speed.compile="on"'
VGG = "terms.distillation.perceptual"


def run(folder, *settings, device="cuda", recipe="paper.toml", base=SETTINGS):
    """A run's student, and its manifest."""
    words = [word for setting in (*base, *settings) for word in ("--set", setting)]
    done = zerokd("run", RECIPES / recipe, "--device", device, *words, "--out", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((folder / "manifest.json").read_text())
    return load_file(folder / "student.safetensors"), manifest


def max_difference(ours, theirs):
    return max((ours[name] - theirs[name]).abs().max().item() for name in ours)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cuda") / "run"
    return folder, *run(folder)


def test_the_student_is_the_cpus(whole, tmp_path):
    _, student, manifest = whole
    assert re.fullmatch(r"cuda \(.+\)", manifest["device"])
    assert all(stage["replayed"] and not stage["compiled"] for stage in manifest["stages"])
    assert max_difference(student, run(tmp_path / "run", device="cpu")[0]) < 1e-5


def test_a_seed_gives_the_same_bytes_again(whole, tmp_path):
    run(tmp_path / "run")
    student, expected = ((folder / "student.safetensors").read_bytes() for folder in (tmp_path / "run", whole[0]))
    assert student == expected


@pytest.mark.parametrize(
    ("settings", "close"),
    [
        (("speed.replay=false",), 1e-5),
        (("speed.images_at_once=2",), 1e-5),
        (('speed.cache="off"',), 1e-5),
        (('speed.cache="disk"',), 1e-5),
        (("speed.tf32=true",), 1e-3),
        ((f'{VGG}.precision="bfloat16"',), 1e-3),
        (('speed.autocast="bfloat16"',), 1e-2),
        (('speed.autocast="float16"',), 1e-2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_may_be_asked_for_gives_the_same_student(whole, tmp_path, settings, close, monkeypatch):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path / "cache"))
    student, _ = run(tmp_path / "run", *settings)
    assert max_difference(student, whole[1]) < close


@pytest.mark.parametrize(
    ("settings", "close"),
    [((), 1e-5), (("speed.images_at_once=2",), 1e-5), ((f'{VGG}.precision="bfloat16"',), 1e-3)],
    ids=["", "2 at once", "bfloat16"],
)
def test_a_compiled_run_gives_the_same_student_and_the_same_bytes_again(whole, tmp_path, settings, close):
    student, manifest = run(tmp_path / "first", COMPILED, *settings)
    assert all(stage["replayed"] and stage["compiled"] for stage in manifest["stages"])
    assert max_difference(student, whole[1]) < close
    run(tmp_path / "second", COMPILED, *settings)
    first, second = ((tmp_path / name / "student.safetensors").read_bytes() for name in ("first", "second"))
    assert first == second


@pytest.mark.parametrize("recipe", ["best.toml", "fidelity.toml", "teacher.toml"])
def test_every_recipe_trains_there_to_the_cpus_student(tmp_path, recipe):
    text = (RECIPES / recipe).read_text()
    stages = re.findall(r"^\[stages\.(\w+)\]", text, re.M)
    base = ("data.size=32", "data.count=6", "threads=1", *(f"stages.{stage}.epochs=2" for stage in stages))
    if VGG in text:
        base += (f'{VGG}.weights="random"',)
    ours, theirs = (run(tmp_path / device, device=device, recipe=recipe, base=base)[0] for device in ("cuda", "cpu"))
    assert max_difference(ours, theirs) < 1e-4


def test_memory_that_runs_out_is_told_with_what_needs_less(tmp_path):
    program = "import torch; torch.cuda.set_per_process_memory_fraction(0.002); from zerokd.cli import main; main()"
    words = [word for setting in (*SETTINGS, "data.size=512", "data.count=8") for word in ("--set", setting)]
    command = ["run", RECIPES / "paper.toml", "--device", "cuda", *words, "--out", tmp_path / "run"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode in (2, 5), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "images_at_once" in done.stderr


def test_ssim_there_is_the_cpus():
    prediction, target = (torch.rand(2, 3, 70, 45, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    there = SsimLoss()(prediction=prediction.cuda(), target=target.cuda())
    torch.testing.assert_close(there.cpu(), SsimLoss()(prediction=prediction, target=target), rtol=1e-5, atol=1e-6)


def test_float32_is_float32_there():
    configure_determinism(torch.device("cuda"), 1)
    layer = torch.nn.Conv2d(64, 64, 3).cuda()
    image = torch.rand(1, 64, 32, 32, device="cuda")
    expected = layer.double()(image.double())
    exact = layer.float()(image)
    configure_determinism(torch.device("cuda"), 1, tf32=True)
    rounded = layer(image)
    configure_determinism(torch.device("cuda"), 1)
    torch.use_deterministic_algorithms(False)
    errors = [((output - expected).norm() / expected.norm()).item() for output in (exact, rounded)]
    assert errors[0] < 1e-6 < errors[1] < 1e-3
