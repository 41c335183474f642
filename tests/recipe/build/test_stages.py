"""A stage with a critic: two objectives, each with its own terms, optimizer and proofs; errors with their places."""

import pytest
import torch

import zerokd
from zerokd.objective.models import Role
from zerokd.objective.players import iterate_players
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe
from zerokd.run.plan import prepare_run

GAME = """
name = "game"
run = ["game"]
threads = 1
[data]
use = "dead_leaves"
size = 32
count = 6
[models.student]
use = "nano_dce"
[stages.game]
use = "supervised"
objective = "adversarial"
epochs = 2
batch = 2
[stages.game.critic]
use = "patch"
width = 4
depth = 2
objective = "discrimination + penalty"
every = 1
[stages.game.critic.optimizer]
learning_rate = 1e-3
[terms.adversarial.score]
use = "adversarial"
[terms.discrimination.scores]
use = "discrimination"
[terms.penalty.slope]
use = "gradient_penalty"
weight = 0.1
"""


def build(text, *settings):
    return check_recipe(apply_settings(read_recipe(text), settings), discover_plugins())[1]


def find_problems(text):
    with pytest.raises(zerokd.ZerokdError) as caught:
        prepare_run(build(text), torch.device("cpu"))
    return caught.value.problems


def test_each_player_has_its_own_terms_models_and_optimizer():
    components = build(GAME)
    (stage,) = components.stages
    (student, seen_by_student), (critic, seen_by_critic) = iterate_players(stage, components)
    assert [term.label for term in student.terms] == ["adversarial.score"]
    assert [term.label for term in critic.terms] == ["discrimination.scores", "penalty.slope"]
    assert critic.name == "game.critic"
    assert seen_by_student.get_role("critic") == seen_by_critic.get_role("student") == Role.OPPONENT
    assert seen_by_critic.trained_model is seen_by_student.models["critic"] is stage.critic.network
    assert (critic.optimizer.learning_rate, student.optimizer.learning_rate) == (1e-3, 5e-3)
    assert student.data_signals == ("low", "reference")  # the critic reads references, and shares the batch


def test_the_seed_decides_the_weights_of_the_critic():
    first, again, other = (build(GAME, f"seed={seed}").stages[0].critic.network for seed in (1, 1, 2))
    weights = [next(iter(network.parameters())) for network in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("old", "new", "message", "text"),
    [
        ('objective = "discrimination + penalty"', 'objective = "discrimination + penatly"', "penatly", "penatly"),
        ('objective = "discrimination + penalty"', 'objective = "discrimination + penalty + adversarial"',
         "'adversarial' is in the objective of stage 'game' and in that of its critic", "+ adversarial"),
        ('use = "adversarial"\n', 'use = "mse"\non = { prediction = "student.enhanced", target = "reference" }\n',
         "no term of its objective reads the critic", "[stages.game]"),
        ('use = "discrimination"\n', 'use = "mse"\non = { prediction = "critic(low).scores", target = "low" }\n',
         "no such output", "scores"),
        ('use = "patch"', 'use = "patches"', "patches", "patches"),
        ("every = 1", "every = 0", "every", "every = 0"),
        ('use = "adversarial"\n', 'use = "adversarial"\non = { score = "critic(student.enhance).score" }\n',
         "student.enhance", "student.enhance)"),
        ("[models.student]", "[models.critic]\nuse = \"nano_dce\"\nweights = \"bundled\"\n[models.student]",
         "models.critic has the name of a stage's critic", "[models.critic]"),
    ],
)  # fmt: skip
def test_errors_have_a_place_before_the_first_step(old, new, message, text):
    problems = find_problems(GAME.replace(old, new))
    assert any(message in problem.message and text in problem.place.text for problem in problems), problems


def test_a_term_of_a_stage_without_critic_cannot_read_one():
    start, end = GAME.index("[stages.game.critic]"), GAME.index("[terms.adversarial")
    text = GAME[:start] + GAME[end : GAME.index("[terms.discrimination")]
    (problem,) = find_problems(text)
    assert "this stage has no critic" in problem.message
    assert problem.hints == ("[stages.NAME.critic] adds one",)


def test_a_loss_that_differentiates_needs_a_value_computed_from_the_image():
    text = GAME.replace('use = "gradient_penalty"\n', 'use = "gradient_penalty"\non = { image = "low" }\n')
    problems = find_problems(text)
    assert any("penalty.slope" in problem.message for problem in problems)


def test_both_objectives_can_be_composed_for_a_loop_of_ones_own():
    networks = {"student": zerokd.load_model("fidelity"), "critic": torch.nn.Conv2d(3, 1, 3)}
    student, critic = (zerokd.compose(GAME, player=player, models=networks) for player in ("student", "critic"))
    inputs = {"low": torch.rand(2, 3, 16, 16) * 0.3, "reference": torch.rand(2, 3, 16, 16)}
    student(inputs).total.backward()
    assert all(parameter.grad is None for parameter in networks["critic"].parameters())
    assert all(parameter.grad is not None for parameter in networks["student"].parameters())
    for parameter in networks["student"].parameters():
        parameter.grad = None
    critic(inputs).total.backward()
    assert all(parameter.grad is not None for parameter in networks["critic"].parameters())
    assert all(parameter.grad is None for parameter in networks["student"].parameters())
    assert {id(weight) for weight in critic.parameters()} == {id(weight) for weight in networks["critic"].parameters()}


def test_a_stage_without_critic_has_no_such_player():
    with pytest.raises(zerokd.RecipeError, match="has no critic"):
        zerokd.compose("two_views", player="critic")
