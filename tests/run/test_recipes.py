"""Shipped recipes reach their goal at a tiny size: on pairs, noisy twins, two views, two frames, with a critic."""

import pytest

import zerokd

TINY = {"data.size": 32, "data.count": 16, "threads": 1}


def train(recipe, folder, **changes):
    return zerokd.train(recipe, out=folder, set=TINY | changes)


def test_pairs_bring_the_student_to_its_references_and_the_best_one_leaves(tmp_path):
    run = train("supervised", tmp_path / "run", **{"stages.fit.epochs": 8})
    psnr = run.manifest["result"]["metrics"]["psnr"]["stages"]
    assert psnr["fit"] > psnr["untrained"] + 3
    assert any("trains on references (pixels.l1, structure.ssim)" in text for text in run.manifest["cautions"])
    assert "trains on references" in run.report.read_text(encoding="utf-8")


def test_noisy_twins_teach_a_denoiser(tmp_path):
    changes = {"data.count": 24, "data.size": 48, "stages.fit.epochs": 30, "models.student.width": 8}
    metrics = train("noise2noise", tmp_path / "run", **changes).manifest["result"]["metrics"]
    assert metrics["psnr"]["value"] > metrics["noisy"]["value"] + 2  # dB to a scene without noise, never seen


@pytest.mark.parametrize(
    ("recipe", "term", "others", "weight"),
    [
        ("two_views", "consistency.exposure", ["consistency.exposure_back"], 15.0),
        ("two_frames", "stability.frames", [], 1000.0),
    ],
)
def test_a_second_view_or_frame_brings_the_outputs_together(tmp_path, recipe, term, others, weight):
    differences = []
    for monitored in (False, True):
        changes = {"stages.pretrain.epochs": 12, f"terms.{term}.weight": weight}
        changes |= {f"terms.{name}.monitor": monitored for name in (term, *others)}
        run = train(recipe, tmp_path / f"{monitored}", **changes)
        differences.append(run.epochs[-1][term])
    assert differences[0] < 0.9 * differences[1]


def test_a_critic_brings_dark_images_closer_to_well_lit_ones(tmp_path):
    run = train("adversarial", tmp_path / "run", **{"stages.game.epochs": 25, "data.count": 32})
    psnr = run.manifest["result"]["metrics"]["psnr"]["stages"]
    assert psnr["game"] > psnr["untrained"] + 1.5
