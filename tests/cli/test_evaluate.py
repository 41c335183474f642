"""``zerokd evaluate`` from the command line."""

import csv
import json

import numpy as np
from PIL import Image

from tests.command import zerokd


def evaluate(*arguments, cwd):
    return zerokd("evaluate", *arguments, cwd=cwd)


def photos(folder, count=2):
    folder.mkdir()
    for number in range(count):
        levels = np.random.default_rng(number).integers(0, 80, (16, 20, 3)).astype(np.uint8)
        Image.fromarray(levels).save(folder / f"{number}.png")


def test_table_json_and_csv(tmp_path):
    photos(tmp_path / "low")
    done = evaluate(
        *("low", "--student", "fidelity", "--teacher", "bundled", "--threads", "1"),
        *("--json", "a.json", "--csv", "a.csv"),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Mean over 2 photos" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    data = json.loads((tmp_path / "a.json").read_text())
    assert data["methods"]["fidelity"]["mean"]["teacher.psnr"] > 25
    assert data["machine"]["threads"] == 1
    assert len(list(csv.DictReader((tmp_path / "a.csv").open()))) == 2 * 7


def test_formats_on_standard_output(tmp_path):
    photos(tmp_path / "low")
    (tmp_path / "low" / "bad.png").write_text("no")

    def table(name):
        done = evaluate("low", "--student", "fidelity", "--format", name, cwd=tmp_path)
        assert done.returncode == 1  # a photo failed, which standard output does not say
        assert "bad.png: FAILED" in done.stderr
        return done.stdout

    assert table("latex").startswith("% needs ")
    assert r"\texttt{zerokd }\allowbreak \texttt{evaluate }" in table("latex")
    assert "`zerokd evaluate low --student fidelity --format markdown`" in table("markdown")
    assert [line["method"] for line in csv.DictReader(table("csv").splitlines())][-1] == "fidelity"
    data = json.loads(table("json"))
    assert (data["photos"], data["references"], len(data["images"])) == ("low", None, 2)


def test_quiet_prints_the_table_and_failures_alone(tmp_path):
    photos(tmp_path / "low", 1)
    (tmp_path / "low" / "bad.png").write_text("no")
    done = evaluate("low", "--student", "fidelity", "--quiet", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert (done.stderr, lines[0][:15], lines[1]) == ("", "bad.png: FAILED", "Mean over 1 photo")


def test_a_photo_that_fails_and_mistakes(tmp_path):
    photos(tmp_path / "low", 1)
    (tmp_path / "low" / "bad.png").write_text("no")
    done = evaluate("low", cwd=tmp_path)
    assert (done.returncode, "bad.png: FAILED: not an image" in done.stdout) == (1, True)
    assert evaluate("nowhere", cwd=tmp_path).returncode == 3
    assert evaluate("low", "--student", "nothing", cwd=tmp_path).returncode == 3
    assert evaluate("low", "--metric", "nothing", cwd=tmp_path).returncode == 2
    assert evaluate("low", "--json", "no/such/folder.json", cwd=tmp_path).returncode == 5
