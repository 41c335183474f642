"""From the table of an optimizer to a plan; mistakes are errors before the first step, each at its place."""

import numpy as np
import pytest

from tests.conftest import RECIPES, TINY
from zerokd.errors import RecipeError
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document

HEAD = f'extends = "{RECIPES / "paper.toml"}"\nname = "mine"\n[stages.distill.optimizer]\n'


def problems(text, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + text)
    document = apply_settings(read_recipe_document(path), TINY)
    with pytest.raises(RecipeError) as caught:
        check_recipe(document, discover_plugins())
    return [
        (f"{problem.place.line}:{problem.place.column}", problem.message, problem.hints)
        for problem in caught.value.problems
    ]


def test_the_shipped_recipe_has_adam_as_before(build):
    optimizer = build().stages[0].optimizer
    assert (optimizer.name, type(optimizer.plugin).__name__, optimizer.schedule) == ("adam", "Adam", "cosine")
    assert (optimizer.learning_rate, optimizer.final_learning_rate, optimizer.clip_norm) == (5e-3, 1e-7, 0.1)


def test_a_schedule_gives_a_rate_for_every_step(build):
    setting = "stages.distill.optimizer={use='sgd', learning_rate={use='linear', from=1.0, to=0.0}, clip_norm='off'}"
    stage = build(setting, "stages.distill.epochs=3").stages[1]
    rates = stage.optimizer.learning_rate
    np.testing.assert_allclose(rates, np.linspace(1.0, 0.0, stage.clock.steps))
    assert (stage.optimizer.schedule, stage.optimizer.clip_norm) == ("linear", None)


def test_it_is_in_the_provenance_and_among_the_plugins(build):
    components = build("stages.distill.optimizer={use='lion', learning_rate={use='one_cycle', peak=0.1}}")
    assert components.provenance["stages.distill.optimizer"]["use"] == "zerokd:lion"
    assert components.provenance["stages.distill.optimizer.learning_rate"]["config"]["peak"] == 0.1
    assert {"zerokd:adam", "zerokd:lion"} <= {entry.qualified_name for entry in components.used_entries}


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ('use = "sgdd"', "4:7", "unknown optimizer 'sgdd'", "did you mean 'sgd'?"),
        ('use = "sgd"\nmomentun = 0.9', "5:1", "unknown key 'stages.distill.optimizer.momentun'", "'momentum'"),
        ('use = "adamw"\nlearning_rat = 0.9', "5:1", "unknown key 'stages.distill.optimizer.learning_rat'", "'learn"),
        ('use = "sgd"\nmomentum = 1.0', "5:12", "momentum: input should be less than 1, got 1.0", "momentum:"),
        ('use = "torch"', "3:17", "stages.distill.optimizer lacks the key 'name'", "a class of torch.optim"),
        (
            'use = "torch"\nname = "Adm"',
            "5:8",
            "name: torch.optim has no optimizer of this name: did you mean 'Adam'",
            "",
        ),
        ('use = "torch"\nname = "SGD"\nmomentun = 1', "6:12", "did you mean 'momentum'?, got 1", ""),
        ('use = "torch"\nname = "SGD"\nlr = 1', "6:6", "the recipe's learning_rate sets it", ""),
        ("groups = [{ mach = '*' }]", "4:13", "unknown key 'stages.distill.optimizer.groups.0.mach'", "'match'"),
        (
            "learning_rate = { use = 'linear', from = 0.1, to = -0.1 }",
            "4:17",
            "stages.distill.optimizer.learning_rate is -0.1 at step 2 of 2 (epoch 1 of 1)",
            "a learning rate must be at least 0",
        ),
        ("learning_rate = { use = 'constant', value = 0.0 }", "4:17", "is 0 at every step", "trains nothing"),
        (
            "learning_rate = { use = 'linear', to = 0.1, from = 1.0 }\nfinal_learning_rate = 0.1",
            "5:23",
            "learning_rate is a schedule, which has its own last value",
            "",
        ),
    ],
)
def test_a_mistake_is_an_error_at_its_place(tmp_path, text, place, message, hint):
    matching = [problem for problem in problems(text, tmp_path) if message in problem[1]]
    assert [problem[0] for problem in matching] == [place]
    assert hint in " ".join(matching[0][2])


def test_a_mistake_elsewhere_is_reported_beside_it(tmp_path):
    text = 'use = "sgdd"\n[terms.task.color]\nuse = "color_constansy"'
    assert len(problems(text, tmp_path)) == 2


def test_a_moment_after_the_end_is_a_caution(build):
    rate = "{use='linear', from=0.1, to=0.0, end='90 epochs'}"
    cautions = build(f"stages.distill.optimizer.learning_rate={rate}").cautions
    assert any("stages.distill.optimizer.learning_rate: end = '90 epochs'" in text for text in cautions)
