"""Names become objects; what cannot be built is told, all of it, at its place."""

import pytest
import torch

from zerokd.errors import RecipeError, WeightsError, ZerokdError
from zerokd.models.zero_dce_pp import ZeroDcePp


def find_problems(build, *settings):
    with pytest.raises(ZerokdError) as caught:
        build(*settings)
    return [f"{problem.place}: {problem.message} {' '.join(problem.hints)}" for problem in caught.value.problems]


def test_the_paper_recipe_is_the_documented_system(build):
    components = build(small=())
    assert components.student.parameter_count() == 161
    assert components.models["teacher"].parameter_count() == 10_561
    assert components.averages["ema"].decay == 0.999
    pretrain, distill = components.stages
    assert (pretrain.epochs, distill.epochs) == (40, 100)
    assert distill.coefficients == pytest.approx(
        {"distillation": 0.35, "feature_matching": 0.1, "task": 0.55, "contrastive": 1.0}
    )
    assert {(term.label, term.use) for term in distill.terms} >= {
        ("distillation.enhanced", "mse"),
        ("distillation.curve_map", "mse"),
        ("distillation.perceptual", "vgg_perceptual"),
        ("distillation.structure", "ssim"),
        ("task.color", "color_constancy"),
        ("task.spatial", "spatial_consistency"),
        ("task.smoothness", "total_variation"),
        ("task.exposure", "multi_region_exposure"),
        ("task.saturation", "saturation"),
        ("contrastive.ema", "contrastive"),
    }
    features = {
        term.name: (term.bindings, term.weight, term.adapter_names) for term in distill.terms if "feature" in term.use
    }
    assert {name: weight for name, (_, weight, _) in features.items()} == {"early": 0.2, "mid": 0.3, "deep": 0.5}
    assert [on["teacher"][-7:] + "/" + on["student"][-7:] for on, _, _ in features.values()] == [
        "e_conv2/e_conv1",
        "e_conv4/e_conv2",
        "e_conv7/e_conv3",
    ]
    assert {names for _, _, names in features.values()} == {("adaptive_pool", "gap")}
    assert pretrain.augmentations[0].config.range == (0.5, 1.5)
    assert [term.use for term in pretrain.terms] == ["multi_region_exposure", "total_variation", "color_constancy"]


def test_the_student_depends_on_the_seed_alone(build):
    torch.manual_seed(99)
    first = build().student.state_dict()
    torch.manual_seed(7)
    second, other = build().student.state_dict(), build("seed=1").student.state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_the_student_does_not_depend_on_what_stands_before_it(build):
    first, second = (
        build(),
        build(
            "models.teacher.width=32",
            'models={teacher={use="zero_dce_pp", weights="bundled"}, '
            'student={use="nano_dce"}, ema={average_of="student"}}',
        ),
    )
    assert torch.equal(first.student.e_conv1.depth_conv.weight, second.student.e_conv1.depth_conv.weight)


def test_one_stage_can_run_alone(build):
    assert [stage.name for stage in build('run=["distill"]').stages] == ["distill"]


def test_terms_without_weight_are_left_out_and_named(build):
    distill = build("params.alpha=1.0", "params.beta=0.0").stages[1]
    assert {label.split(".")[0] for label in distill.idle_terms} == {"feature_matching", "task"}
    assert {term.group for term in distill.terms} == {"distillation", "contrastive"}


def test_a_stage_that_trains_on_nothing_is_refused(build):
    settings = [f"terms.pretraining.{name}.weight=0" for name in ("exposure", "smoothness", "color")]
    assert any("stage 'pretrain' trains on nothing" in problem for problem in find_problems(build, *settings))


def test_the_average_starts_as_the_student(build):
    components = build()
    average = components.averages["ema"].model.state_dict()
    assert all(torch.equal(average[key], value) for key, value in components.student.state_dict().items())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ('terms.task.color.use="colour_constancy"', "unknown loss 'colour_constancy' did you mean 'color_constancy'?"),
        ('models.student.use="nano_dse"', "unknown model 'nano_dse' did you mean 'nano_dce'?"),
        ('stages.distill.use="distil"', "unknown stage 'distil'"),
        ('stages.pretrain.augment.gamma.use="gamma"', "unknown augmentation 'gamma'"),
        ('data.use="dead_leafs"', "unknown data source 'dead_leafs' did you mean 'dead_leaves'?"),
        (
            'terms.feature_matching.mid.adapt=["adaptive_pol"]',
            "unknown adapter 'adaptive_pol' did you mean 'adaptive_pool'?",
        ),
        (
            "terms.task.exposure.dark_targt=0.5",
            "unknown key 'terms.task.exposure.dark_targt' did you mean 'dark_target'?",
        ),
        ("terms.task.exposure.dark_target=true", "terms.task.exposure.dark_target: input should be a valid number"),
        ("data.count=0", "data.count: input should be greater than or equal to 1"),
        ("models.student.width=1.5", "models.student.width: input should be a valid integer"),
        ('terms.task.color.on.image="student.enhanced"', "color_constancy has no port 'image'"),
        (
            "terms.feature_matching.mid.on={student='student.features.e_conv2'}",
            "port 'teacher' of feature_matching is not bound",
        ),
        ('run=["pretrain", "distil"]', "unknown stage 'distil' did you mean 'distill'?"),
        ('run=["pretrain", "pretrain", "distill"]', "stage 'pretrain' runs twice"),
        ("params.alpha=1.0", "the coefficient of task is (1 - alpha - beta) = -0.1"),
        ('stages.spare={use="nope", objective="qqq", epochs=1}', "unknown stage 'nope'"),
        ("params.gamma=1.0", "no stage uses params.gamma"),
        ("params.task=1.0", "'task' names a param and a group of terms"),
        ('terms.extra.one={use="ssim"}', "no stage uses terms.extra"),
        ("params.alpha=0.95", "the coefficient of task is (1 - alpha - beta) = -0.05 with alpha = 0.95, beta = 0.1"),
        (
            'stages.distill.objective="alpha*distilation + beta*task"',
            "unknown name 'distilation' did you mean 'distillation'?",
        ),
        ('models.ema.average_of="teacher"', "only 'student' changes during a run"),
        ("models.teacher={use='zero_dce_pp'}", "models.teacher is frozen and has no weights"),
        ('models.student.weights="bundled"', "model 'nano_dce' ships no weights"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(build, setting, message):
    messages = find_problems(build, setting)
    assert any(message in problem for problem in messages), messages
    assert any(
        problem.startswith((f"--set {setting}: ", "recipes")) or "paper.toml:" in problem for problem in messages
    )


def test_problems_of_every_part_come_together(build):
    settings = ("params.alpha=0.95", 'terms.task.color.use="colour"', "data.count=0", 'models.student.use="none"')
    assert len(find_problems(build, *settings)) == 4


def test_an_equation_is_blamed_at_its_character():
    """Column 13 of the line is the objective's opening quote; the unknown group starts 8 characters into it."""
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.recipe.build.resolver import resolve_recipe
    from zerokd.recipe.schema.recipe import validate_recipe
    from zerokd.recipe.toml.document import parse_document

    text = (
        'name = "x"\nrun = ["a"]\n[data]\nuse = "dead_leaves"\n[models.student]\nuse = "nano_dce"\n'
        '[stages.a]\nuse = "self_supervised"\nepochs = 1\nobjective = "task + 2*tusk"\n'
        '[terms.task.one]\nuse = "color_constancy"\n'
    )
    document = parse_document(text, "x.toml")
    with pytest.raises(RecipeError) as caught:
        resolve_recipe(validate_recipe(document), document, discover_plugins())
    (problem,) = caught.value.problems
    assert (problem.place.line, problem.place.column) == (10, 13 + 1 + 9)
    assert problem.place.text[problem.place.column - 1 :].startswith("tusk")


def test_released_weights_load_by_name_and_are_recorded(build, tmp_path):
    teacher = ZeroDcePp()
    torch.save(teacher.state_dict(), tmp_path / "teacher.pth")
    components = build(f"models.teacher.weights={tmp_path / 'teacher.pth'}")
    assert all(
        torch.equal(value, components.models["teacher"].state_dict()[key])
        for key, value in teacher.state_dict().items()
    )
    assert len(components.provenance["models.teacher"]["sha256"]) == 64
    assert components.provenance["models.student"]["weights"] == "random, seed 0"


def test_weights_of_another_architecture_are_a_weights_error(build, tmp_path):
    torch.save(ZeroDcePp(width=8).state_dict(), tmp_path / "small.pth")
    with pytest.raises(WeightsError, match=r"e_conv1.point_conv.weight is \(8, 3, 1, 1\), expected \(32, 3, 1, 1\)"):
        build(f"models.teacher.weights={tmp_path / 'small.pth'}")


def test_a_plugin_whose_config_takes_a_reserved_key_is_refused(build, monkeypatch):
    import zerokd
    from zerokd.losses.color_constancy import ColorConstancy

    class Config(zerokd.Config):
        weight: float = 1.0

    monkeypatch.setattr(ColorConstancy, "Config", Config)
    assert any("config keys that belong to the recipe: weight" in problem for problem in find_problems(build))


def test_a_term_knows_which_keys_the_recipe_gives(build):
    explicit_keys = {term.label: term.explicit_keys for term in build().stages[1].terms}
    assert explicit_keys["task.exposure"] == ("bright_target_factor",)
    assert explicit_keys["task.color"] == ()


def test_a_caution_is_told_once_with_all_it_concerns(build):
    caution, perceptual = build().cautions
    assert perceptual.startswith("distillation.perceptual: ")
    assert caution.startswith("pretraining.exposure, task.exposure: ")
    monotone = (
        '{use="multi_region_exposure", target="monotone", dark_target=0.3, mid_target=0.6, bright_target_factor=0.9}'
    )
    caution = build(f"terms.pretraining.exposure={monotone}").cautions[-1]
    assert caution.startswith("task.exposure: ")
