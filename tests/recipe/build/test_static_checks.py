"""Every mistake of a recipe at once, in the order of its text, and nothing that only follows from another one."""

import pytest
import torch

from tests.conftest import RECIPES, TINY
from zerokd.errors import RecipeError, WeightsError, ZerokdError
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.document import parse_document
from zerokd.recipe.toml.extends import read_recipe_document

HEAD, START, REST = (RECIPES / "paper.toml").read_text().partition('name = "paper"')  # the head quotes the equation
PAPER = START + REST.replace('"imagenet"', '"random"')


ON = 'on  = { prediction = "student.enhanced", target = "teacher.enhanced" }'


def find_messages(*replacements, settings=()):
    text = PAPER
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new, 1)
    with pytest.raises(ZerokdError) as caught:
        check_recipe(apply_settings(parse_document(text, "x.toml"), settings), discover_plugins())
    return [problem.message for problem in caught.value.problems]


def test_a_recipe_without_mistakes_is_built():
    document = apply_settings(read_recipe_document(RECIPES / "paper.toml"), TINY)
    recipe, components = check_recipe(document, discover_plugins())
    assert recipe.name == components.name == "paper"
    assert [stage.name for stage in components.stages] == ["pretrain", "distill"]


def test_mistakes_of_every_kind_come_together_in_the_order_of_the_text():
    messages = find_messages(
        ('"teacher.features.e_conv4"', '"teacher.features.e_conv44"'),
        ("weight = 1.5", 'weight = "much"'),
        ('"saturation"', '"saturatoin"'),
        ("epochs    = 40", "epochs    = 40\nepoch = 3"),
        ("(1 - alpha - beta)*task", "(1 - alpha - beta)*task*contrastive"),
        ('"student.enhanced", target', '"student.enhansed", target'),
    )
    assert [message.split(" got ")[0] for message in messages] == [
        "unknown key 'stages.pretrain.epoch'",
        "objective of distill: a product of groups is not linear in groups",
        "distillation.enhanced: port 'prediction' reads 'student.enhansed': no such output",
        "feature_matching.mid: port 'teacher' reads 'teacher.features.e_conv44': no such layer",
        "terms.task.spatial.weight: input should be a valid number,",
        "unknown loss 'saturatoin'",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("alpha = 0.35", 'alpha = "0.35"', "params.alpha: input should be a valid number, got '0.35'"),
        ("[params]", "[parms]", "unknown key 'parms'"),
        ("[params]\nalpha = 0.35 ", "params = 3\n[_]\nalpha = 3 #", None),
        ('use = "nano_dce"', 'use = "nano"', "unknown model 'nano'"),
        ('use     = "zero_dce_pp"', "use = 3", "models.teacher.use: input should be a valid string, got 3"),
        ('weights = "bundled"', "weights = 3", "models.teacher.weights: input should be a valid string, got 3"),
        ('average_of = "student"', 'average_off = "student"', "models.ema lacks the key 'use'"),
        ('"self_supervised"', '"semisupervised"', "unknown stage 'semisupervised'"),
        ("epochs    = 40", "epochs = 0", "stages.pretrain.epochs: input should be greater than or equal to 1, got 0"),
        ('objective = "pretraining"', "objective = 3", "stages.pretrain.objective: input should be a valid string"),
        ('use   = "random_gamma"', 'use   = "gamma"', "unknown augmentation 'gamma'"),
        ('use    = "contrastive"', "", "terms.contrastive.ema lacks the key 'use'"),
        ('prediction = "student.enhanced"', "prediction = 3", "terms.distillation.enhanced.on.prediction: input"),
        (ON, "on = 3", "terms.distillation.enhanced.on: input"),
        ("+ contrastive", "+ contrastiv", "objective of distill: unknown name 'contrastiv'"),
        ("alpha*distillation", "alfa*distillation", "objective of distill: unknown name 'alfa'"),
        ('run  = ["pretrain", "distill"]', "run = 3", "run: input should be a valid tuple, got 3"),
        ('name = "paper"', "name = 3", "name: input should be a valid string, got 3"),
        ('use   = "dead_leaves"', "use = 3", "data.use: input should be a valid string, got 3"),
        ("[data]", "[date]", None),
    ],
)
def test_nothing_is_told_that_only_follows(old, new, message):
    messages = find_messages((old, new))
    if message is None:
        assert len(messages) <= 2
        assert all("key" in message or "params: " in message for message in messages), messages
    else:
        assert len(messages) == 1
        assert messages[0].startswith(message)


def test_a_group_with_nothing_left_is_known():
    assert len(find_messages(('use    = "contrastive"', "use = 3"), ("+ contrastive", "+ 2*contrastive"))) == 1
    messages = find_messages(("[terms.contrastive.ema] ", "[other]\n[terms]\ncontrastive = 3\n[rest]"))
    assert "terms.contrastive: input should be a valid dictionary, got 3" in messages
    assert not any("unknown name" in message or "no stage uses" in message for message in messages)


def test_a_mistake_in_the_recipe_decides_the_exit_code():
    with pytest.raises(WeightsError):
        check_recipe(apply_settings(parse_document(PAPER, "x"), ["models.teacher.weights=no.pth"]), discover_plugins())
    with pytest.raises(RecipeError) as caught:
        check_recipe(
            apply_settings(parse_document(PAPER, "x"), ["models.teacher.weights=no.pth", "params.alpha=2.0"]),
            discover_plugins(),
        )
    assert len(caught.value.problems) == 2


def test_a_stage_that_cannot_name_its_inputs_is_blamed(monkeypatch):
    from zerokd.stages.self_supervised import SelfSupervised

    monkeypatch.setattr(SelfSupervised, "inputs", lambda self, low: 1 / 0)
    assert find_messages() == ["stage 'pretrain' failed: ZeroDivisionError: division by zero"]


def test_checking_leaves_the_random_numbers_of_the_student_alone():
    first = check_recipe(apply_settings(parse_document(PAPER, "x"), TINY), discover_plugins())[1].student.state_dict()
    torch.manual_seed(5)
    second = check_recipe(apply_settings(parse_document(PAPER, "x"), TINY), discover_plugins())[1].student.state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
