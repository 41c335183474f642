"""``zerokd run`` as a person meets it: exit codes, messages, and what stays untouched."""

import subprocess
import sys

import pytest

from tests.command import zerokd
from tests.conftest import RECIPES

TINY = [
    *("--set", "data.size=32", "--set", "data.count=6", "--set", "threads=1", "--epochs", "2"),
    *("--set", "terms.distillation.perceptual.weights=random"),
]


def test_a_small_run_of_the_paper_recipe_in_a_pipe(tmp_path):
    done = zerokd("run", RECIPES / "paper.toml", *TINY, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "alpha*distillation + beta*feature_matching + (1 - alpha - beta)*task + contrastive" in done.stdout
    assert "distill 1/1  objective" in done.stdout
    assert "161 parameters" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_a_dry_run_checks_and_writes_nothing(tmp_path):
    done = zerokd("run", RECIPES / "paper.toml", *TINY, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "photo.jpg").write_text("mine")
    done = zerokd("run", RECIPES / "paper.toml", *TINY, "--out", ".", cwd=tmp_path)
    assert done.returncode == 5
    assert "exists and is not an empty folder" in done.stderr
    assert (tmp_path / "photo.jpg").read_text() == "mine"


def test_seed_epochs_and_settings_reach_the_run(tmp_path):
    done = zerokd("run", RECIPES / "paper.toml", *TINY, "--seed", "7", "--dry-run", cwd=tmp_path)
    assert "seed 7" in done.stdout
    assert "pretrain: 1 epochs" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere.toml"], 2, "nowhere.toml"),
        ([RECIPES / "paper.toml", "--set", "params.alpha=0.95"], 2, "the coefficient of task is (1 - alpha - beta)"),
        (
            [RECIPES / "paper.toml", "--set", "terms.task.color.use=colour_constancy"],
            2,
            "did you mean 'color_constancy'?",
        ),
        ([RECIPES / "paper.toml", "--set", "terms.task.colour.weight=2"], 2, "did you mean 'color'?"),
        ([RECIPES / "paper.toml", "--set", "data.size=big"], 2, "--set data.size=big"),
        ([RECIPES / "paper.toml", "--set", "nonsense"], 2, "--set dotted.key=VALUE"),
        ([RECIPES / "paper.toml", "--set", "name=../../x"], 2, "name"),
        ([RECIPES / "paper.toml", "--data", "no/such/folder"], 3, "no/such/folder"),
        ([RECIPES / "paper.toml", "--set", "models.teacher.weights=no.pth"], 3, "'no.pth' does not exist"),
        (
            [RECIPES / "paper.toml", "--set", "terms.distillation.perceptual.weights=no.pth"],
            3,
            "'no.pth' does not exist",
        ),
        ([RECIPES / "paper.toml", "--plugin", "nowhere.py"], 2, "nowhere"),
        ([RECIPES / "paper.toml", "--set", "run=3", "--epochs", "3"], 2, "run: input should be a valid tuple"),
        ([RECIPES / "paper.toml", "--set", "data={}"], 2, "data lacks the key 'use'"),
        ([RECIPES / "paper.toml", "--set", "models=3"], 2, "models"),
        ([RECIPES / "paper.toml", "--device", "warp"], 2, "device 'warp' cannot be used"),
        ([RECIPES / "paper.toml", "--epochs", "0"], 2, "--epochs"),
    ],
)
def test_mistakes_end_in_their_exit_code_before_the_first_step(tmp_path, arguments, code, told):
    done = zerokd("run", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert not list(tmp_path.iterdir())


def test_weights_of_another_architecture_are_named(tmp_path):
    import torch

    torch.save({"e_conv1.depth_conv.weight": torch.zeros(3, 1, 3, 3)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "empty.pth").write_text("")
    for name, told in (
        ("other", "missing e_conv1.depth_conv.bias"),
        ("list", "is not a state dict"),
        ("text", "cannot read weights"),
        ("empty", "is empty"),
    ):
        setting = f"models.teacher.weights={name}.pth"
        done = zerokd("run", RECIPES / "paper.toml", *TINY, "--set", setting, cwd=tmp_path)
        assert done.returncode == 3, done.stderr
        assert told in done.stderr


def test_a_pickle_that_would_run_code_is_never_run(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "owned"), "w")

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    done = zerokd("run", RECIPES / "paper.toml", "--set", "models.teacher.weights=evil.pth", cwd=tmp_path)
    assert done.returncode == 3
    assert not (tmp_path / "owned").exists()


CHARBONNIER = """
import torch
import zerokd

class Charbonnier(zerokd.Loss):
    ports = {
        "prediction": zerokd.Port("the student's image", grad=True, default="student.enhanced"),
        "target": zerokd.Port("what it should be", default="teacher.enhanced", like="prediction"),
    }

    def forward(self, *, prediction, target):
        return torch.sqrt((prediction - target) ** 2 + 1e-6).mean(dim=(1, 2, 3))

@zerokd.hookimpl
def zerokd_losses():
    return [zerokd.LossSpec("charbonnier", target=f"{__name__}:Charbonnier", summary="a smooth L1 distance")]
"""


def test_a_loss_of_ones_own_trains_from_one_file(tmp_path):
    (tmp_path / "mine.py").write_text(CHARBONNIER)
    term = 'terms.distillation.mine={use="charbonnier", weight=0.5}'
    done = zerokd(
        "run", RECIPES / "paper.toml", *TINY, "--plugin", "mine.py", "--set", term, "--out", "o", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "distillation.mine" in (tmp_path / "o" / "metrics.jsonl").read_text()
    assert '"mine:charbonnier": "mine sha256:' in (tmp_path / "o" / "manifest.json").read_text()


def test_a_loss_that_fails_in_training_is_named_with_its_step(tmp_path):
    # the probe and its evidence each ask once for a gradient that reaches the student
    asked = "torch.is_grad_enabled() and prediction.grad_fn is not None"
    fails = f"        self.calls = getattr(self, 'calls', 0) + ({asked})\n"
    fails += "        if self.calls > 2: raise ValueError('boom')\n"
    (tmp_path / "mine.py").write_text(CHARBONNIER.replace("        return torch", f"{fails}        return torch"))
    term = 'terms.distillation.mine={use="charbonnier"}'
    done = zerokd(
        "run", RECIPES / "paper.toml", *TINY, "--plugin", "mine.py", "--set", term, "--out", "o", cwd=tmp_path
    )
    assert done.returncode == 2
    assert "distillation.mine: loss 'charbonnier' failed: ValueError: boom" in done.stderr


def test_a_reader_that_goes_away_does_not_stop_the_training(tmp_path):
    command = [sys.executable, "-m", "zerokd", "run", str(RECIPES / "paper.toml"), *TINY, "--out", "o"]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    run.stdout.readline()
    run.stdout.close()
    assert run.wait(timeout=240) == 0, run.stderr.read()
    run.stderr.close()
    assert (tmp_path / "o" / "student.safetensors").exists()


def test_quiet_prints_warnings_and_the_report_alone(tmp_path):
    arguments = ("--set", "data.size=32", "--set", "data.count=6", "--epochs", "1", "--out", "r", "--quiet")
    done = zerokd("run", RECIPES / "supervised.toml", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    *warnings, last = done.stdout.splitlines()
    assert last == "report: r/report.html"
    assert any("its student is not zero-reference" in line for line in warnings)
    assert not any(line.startswith(("recipe ", "fit", "student:", "finished")) for line in warnings)
