"""Every published recipe, trained for seconds: it lowers its own objective and beats its input on its metric."""

import pytest

import zerokd
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.recipe.toml.shipped import list_shipped_recipes

RECIPES = {name: path for name, path in list_shipped_recipes().items() if name.startswith("published/")}
SMALL = {"data.size": 32, "data.count": 24, "data.held_out": 0.25, "threads": 1, "diagnose_every": 10**6}
EPOCHS = {"published/noise2noise_denoising": 40, "published/ruas_like": 8, "published/sci": 8}  # by default 12
MARGIN = 0.5  # dB
METRICS = {  # most recipes read no reference, so that they train on any photos
    f"metrics.{name}": {"use": "psnr", "on": {"image": image, "target": "reference"}}
    for name, image in (("psnr", "student.enhanced"), ("unchanged", "low"))
}


@pytest.mark.parametrize("name", RECIPES)
def test_trained_for_seconds_it_improves_on_itself_and_on_its_input(name, tmp_path):
    stage = read_recipe_document(name).tables["run"][-1]
    settings = SMALL | METRICS | {f"stages.{stage}.batch": 2}
    run = zerokd.train(name, out=tmp_path / "run", set=settings, epochs=EPOCHS.get(name, 12), progress=False)
    metrics = {metric: record["value"] for metric, record in run.manifest["result"]["metrics"].items()}
    first, *_, last = [epoch["total"] for epoch in run.epochs if epoch["stage"] == stage]
    print(name, metrics, first, last, run.manifest["result"]["seconds"])
    assert last < first
    assert metrics["psnr"] > metrics["unchanged"] + MARGIN


@pytest.mark.parametrize("path", RECIPES.values(), ids=RECIPES)
def test_it_is_short_enough_to_read(path):
    assert len(path.read_text().splitlines()) <= 80
