"""Every published recipe, trained for seconds: it lowers its own objective and beats its input on its metric."""

import pytest

import zerokd
from zerokd.recipe.toml.shipped import list_shipped_recipes

RECIPES = {name: path for name, path in list_shipped_recipes().items() if name.startswith("published/")}
SMALL = {"data.size": 32, "data.count": 24, "data.held_out": 0.25, "threads": 1, "diagnose_every": 10**6}
EPOCHS = dict.fromkeys(RECIPES, 12)
LOWERED = 0.9  # greatest share of the first epoch's objective that the last one may have


@pytest.mark.parametrize("name", RECIPES)
def test_trained_for_seconds_it_improves_on_itself_and_on_its_input(name, tmp_path):
    run = zerokd.train(name, out=tmp_path / "run", set=SMALL, epochs=EPOCHS[name], progress=False)
    metrics = {metric: record["value"] for metric, record in run.manifest["result"]["metrics"].items()}
    students = [epoch["total"] for epoch in run.epochs if not epoch["stage"].endswith(".critic")]
    print(name, metrics, students[0], students[-1], run.manifest["result"]["seconds"])
    assert students[-1] < LOWERED * students[0]
    assert metrics["psnr"] > metrics.get("noisy", metrics.get("unchanged")) + 0.5  # dB


@pytest.mark.parametrize("path", RECIPES.values(), ids=RECIPES)
def test_it_is_short_enough_to_read(path):
    assert len(path.read_text().splitlines()) <= 80
