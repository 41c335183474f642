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


def run(folder, *settings, device="cuda", recipe="paper.toml", given=SETTINGS):
    """A run's student, and its manifest."""
    words = [word for one in (*given, *settings) for word in ("--set", one)]
    done = zerokd("run", RECIPES / recipe, "--device", device, *words, "--out", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((folder / "manifest.json").read_text())
    return load_file(folder / "student.safetensors"), told


def away(one, other):
    return max((one[name] - other[name]).abs().max().item() for name in one)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cuda") / "run"
    return folder, *run(folder)


def test_the_student_is_the_cpus(whole, tmp_path):
    _, student, told = whole
    assert re.fullmatch(r"cuda \(.+\)", told["device"])
    assert all(stage["replayed"] and not stage["compiled"] for stage in told["stages"])
    assert away(student, run(tmp_path / "run", device="cpu")[0]) < 1e-5


def test_a_seed_gives_the_same_bytes_again(whole, tmp_path):
    run(tmp_path / "run")
    found, wanted = ((one / "student.safetensors").read_bytes() for one in (tmp_path / "run", whole[0]))
    assert found == wanted


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
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_what_may_be_asked_for_gives_the_same_student(whole, tmp_path, settings, close, monkeypatch):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path / "cache"))
    student, _ = run(tmp_path / "run", *settings)
    assert away(student, whole[1]) < close


@pytest.mark.parametrize(
    ("settings", "close"),
    [((), 1e-5), (("speed.images_at_once=2",), 1e-5), ((f'{VGG}.precision="bfloat16"',), 1e-3)],
    ids=["", "2 at once", "bfloat16"],
)
def test_a_compiled_run_gives_the_same_student_and_the_same_bytes_again(whole, tmp_path, settings, close):
    student, told = run(tmp_path / "first", COMPILED, *settings)
    assert all(stage["replayed"] and stage["compiled"] for stage in told["stages"])
    assert away(student, whole[1]) < close
    run(tmp_path / "second", COMPILED, *settings)
    first, second = ((tmp_path / one / "student.safetensors").read_bytes() for one in ("first", "second"))
    assert first == second


@pytest.mark.parametrize("recipe", ["best.toml", "fidelity.toml", "teacher.toml"])
def test_every_recipe_trains_there_to_the_cpus_student(tmp_path, recipe):
    words = (RECIPES / recipe).read_text()
    stages = re.findall(r"^\[stages\.(\w+)\]", words, re.M)
    given = ("data.size=32", "data.count=6", "threads=1", *(f"stages.{stage}.epochs=2" for stage in stages))
    if VGG in words:
        given += (f'{VGG}.weights="random"',)
    found, wanted = (run(tmp_path / one, device=one, recipe=recipe, given=given)[0] for one in ("cuda", "cpu"))
    assert away(found, wanted) < 1e-4


def test_memory_that_runs_out_is_told_with_what_needs_less(tmp_path):
    program = "import torch; torch.cuda.set_per_process_memory_fraction(0.002); from zerokd.cli import main; main()"
    words = [word for one in (*SETTINGS, "data.size=512", "data.count=8") for word in ("--set", one)]
    command = ["run", RECIPES / "paper.toml", "--device", "cuda", *words, "--out", tmp_path / "run"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode in (2, 5), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "images_at_once" in done.stderr


def test_ssim_there_is_the_cpus():
    one, other = (torch.rand(2, 3, 70, 45, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    there = SsimLoss()(prediction=one.cuda(), target=other.cuda())
    torch.testing.assert_close(there.cpu(), SsimLoss()(prediction=one, target=other), rtol=1e-5, atol=1e-6)


def test_float32_is_float32_there():
    configure_determinism(torch.device("cuda"), 1)
    layer = torch.nn.Conv2d(64, 64, 3).cuda()
    image = torch.rand(1, 64, 32, 32, device="cuda")
    wanted = layer.double()(image.double())
    exact = layer.float()(image)
    configure_determinism(torch.device("cuda"), 1, tf32=True)
    rounded = layer(image)
    configure_determinism(torch.device("cuda"), 1)
    torch.use_deterministic_algorithms(False)
    errors = [((one - wanted).norm() / wanted.norm()).item() for one in (exact, rounded)]
    assert errors[0] < 1e-6 < errors[1] < 1e-3
