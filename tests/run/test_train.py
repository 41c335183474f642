"""A run from Python."""

import os
import signal
import threading
import time
from pathlib import Path

import pandas
import pytest
import torch

import zerokd
from tests.command import zerokd as zerokd_command
from tests.conftest import RECIPES
from zerokd.files.digest import file_sha256

QUICK = {
    "data.size": 32,
    "data.count": 6,
    "threads": 1,
    "terms.distillation.perceptual.weights": "random",
}


def train(tmp_path, **options):
    return zerokd.train(RECIPES / "paper.toml", out=tmp_path / "run", set=QUICK, epochs=2, progress=False, **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(tmp_path_factory.mktemp("train"))


def test_it_is_the_run_of_the_command_line(run, tmp_path):
    options = [f"--set={key}={value}" for key, value in QUICK.items()]
    assert (
        zerokd_command("run", RECIPES / "paper.toml", "--epochs=2", *options, "--out", tmp_path / "other").returncode
        == 0
    )
    assert file_sha256(run.folder / "student.safetensors") == file_sha256(tmp_path / "other/student.safetensors")


def test_what_a_run_holds(run):
    assert run.student(torch.rand(1, 3, 16, 16))["enhanced"].shape == (1, 3, 16, 16)
    assert not run.student.training
    assert run.manifest["recipe"] == "paper"
    assert run.manifest["command"][0] == "train"
    assert run.manifest["command"][1].startswith(f"{__file__}:")
    assert run.report.read_text().startswith("<!doctype html>")
    assert "161 parameters" in str(run)
    assert "PSNR on" in str(run)
    assert repr(run) == f"Run({str(run.folder)!r})"
    html = run._repr_html_()
    assert html.count("data:image/jpeg;base64,") == 1
    assert html.count("<svg") == 1
    assert str(zerokd.Run(run.folder)) == str(run)


def test_pandas_takes_the_records(run):
    steps, epochs = pandas.DataFrame(run.steps), pandas.DataFrame(run.epochs)
    assert set(steps["stage"]) == set(epochs["stage"]) == {"pretrain", "distill"}
    assert steps["total"].notna().all()
    distill = steps[steps["stage"] == "distill"]
    assert (distill["distillation.enhanced.weight"] > 0).all()
    assert distill["distillation.enhanced"].mean() == pytest.approx(
        epochs[epochs["stage"] == "distill"]["distillation.enhanced"].mean(), rel=1e-4
    )


def test_random_state_and_threads_stay_yours(tmp_path):
    torch.manual_seed(4)
    expected, threads = torch.get_rng_state(), torch.get_num_threads()
    train(tmp_path)
    assert torch.equal(torch.get_rng_state(), expected)
    assert torch.get_num_threads() == threads


def test_errors_are_raised_and_nothing_is_written(tmp_path, capsys):
    with pytest.raises(zerokd.RecipeError) as caught:
        zerokd.train(RECIPES / "paper.toml", out=tmp_path / "run", set={"params.alpha": "high"})
    assert caught.value.problems[0].place.file == __file__
    assert not (tmp_path / "run").exists()
    with pytest.raises(zerokd.RunFolderError, match="is not a run folder"):
        zerokd.Run(tmp_path)
    assert capsys.readouterr().out == ""


def test_an_interrupt_is_an_exception_and_the_run_goes_on(tmp_path):
    out, handler = tmp_path / "run", signal.getsignal(signal.SIGINT)

    def interrupt():
        while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    options = {"out": out, "set": QUICK, "epochs": 400, "progress": False}
    with pytest.raises(zerokd.StoppedError, match="a checkpoint is saved"):
        zerokd.train(RECIPES / "paper.toml", **options)
    watcher.join()
    assert "unfinished; resume it with train(" in str(zerokd.Run(out))
    assert signal.getsignal(signal.SIGINT) is handler


def test_progress_is_printed_on_request(tmp_path, capsys):
    zerokd.train(RECIPES / "paper.toml", out=tmp_path / "run", set=QUICK, epochs=2)
    out = capsys.readouterr().out
    assert "distill 1/1" in out
    assert f"report: {Path(tmp_path / 'run' / 'report.html')}" in out.replace("\n", "")
