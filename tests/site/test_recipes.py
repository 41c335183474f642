from tests.conftest import ROOT
from tools.site.recipes import find_usages, read_shipped_recipes, recipe_page, recipes_page
from zerokd.plugin.discovery import discover_plugins

RECIPES = read_shipped_recipes(ROOT)
CATALOGUE = discover_plugins()


def used(kind, name):
    return [(usage.title, usage.key) for usage in find_usages(CATALOGUE.find(kind, name), RECIPES, "up")]


def test_all_recipes_the_documented_one_first():
    assert RECIPES[0].path == "recipes/paper.toml"
    assert {recipe.path for recipe in RECIPES} >= {"recipes/best.toml", "plugins/zerokd-retinex/recipes/retinex.toml"}


def test_a_group_of_recipes_is_a_folder_of_pages():
    recipe = next(recipe for recipe in RECIPES if recipe.path == "recipes/published/sci.toml")
    assert recipe.name == "published/sci"
    assert "$ zerokd run published/sci\n" in recipe_page(recipe)
    assert ("published/unet_supervised.toml", "models.student") in used("models", "unet")


def test_where_components_are_used():
    assert ("paper.toml", "terms.distillation.curve_map") in used("losses", "mse")
    assert ("paper.toml", "terms.distillation.curve_map") in used("adapters", "match_iterations")
    assert ("paper.toml", "stages.pretrain.augment.gamma") in used("augmentations", "random_gamma")
    assert ("best.toml", "models.student") in used("models", "auto_exposure")
    assert ("fidelity.toml", "data") in used("data", "dead_leaves")


def test_a_loss_and_a_metric_of_one_name_are_two():
    assert ("paper.toml", "terms.distillation.structure") in used("losses", "ssim")
    assert used("metrics", "ssim") == []


def test_a_recipes_page_has_all_of_it():
    assert RECIPES[0].text.rstrip() in recipe_page(RECIPES[0])
    assert all(f"[{recipe.path}]({recipe.name}.md): " in recipes_page(RECIPES) for recipe in RECIPES)
