"""``zerokd bench`` from a shell."""

import json

from tests.command import zerokd
from tests.conftest import RECIPES, TINY


def bench(*options):
    settings = (*TINY, 'run=["pretrain"]')
    settings = [part for setting in settings for part in ("--set", setting)]
    return zerokd("bench", RECIPES / "paper.toml", *settings, *options)


def test_text_and_json():
    done = bench()
    assert done.returncode == 0, done.stderr
    assert "pretrain: 5 images, batch 4, on cpu, 1 threads" in done.stdout
    assert "pretraining.exposure" in done.stdout
    (stage,) = json.loads(bench("--json").stdout)["stages"]
    assert stage["ways"][0]["chosen"] is True


def test_a_mistake_is_told_and_nothing_is_measured():
    done = bench("--set", "params.alpha=2")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
