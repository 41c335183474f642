"""The command, as a person gives it."""

import subprocess
import sys

from conftest import ENGINE

SCRIPT = "from zerokd_ray.command import main; main()"


def run_command(*arguments, cwd=None):
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=200)


def test_relative_paths_a_cluster_of_its_own_and_a_line_for_each_worker(photos):
    (photos / "0/bad.png").write_text("no photo")
    completed = run_command("in", "-o", "out", "--engine", ENGINE, "--workers", 1, cwd=photos.parent)
    assert completed.returncode == 1, completed.stderr
    head, *lines, counts, worker = completed.stdout.splitlines()
    assert head.startswith("Enhancing 10 files into out/ (")
    assert head.endswith("1 worker of 1 thread)")
    assert lines == ["0/bad.png: FAILED: not an image, or damaged at its start"]
    assert (counts.startswith("Enhanced 9 files in"), counts.endswith("1 file FAILED")) == (True, True)
    assert " 10 files in " in worker
    assert completed.stderr == ""
    assert len([*(photos.parent / "out").rglob("*.png")]) == 9


def test_mistakes_are_told_before_a_cluster_is_asked(photos):
    nothing = run_command(photos / "none", "-o", photos.parent / "out")
    assert (nothing.returncode, "does not exist" in nothing.stderr) == (3, True)
    nobody = run_command(photos, "-o", photos.parent / "out", "--engine", ENGINE, "--address", "127.0.0.1:9")
    assert nobody.returncode == 2
    assert nobody.stderr.startswith("no cluster at '127.0.0.1:9'")
    assert "Traceback" not in nothing.stderr + nobody.stderr
