"""The explanation as people read it."""

from zerokd.describe.equation_text import describe_equations, equations_to_dict, equations_to_latex
from zerokd.run.plan import prepare_run
from zerokd.training.device import choose_device


def test_text_at_80_columns_has_every_term_and_signal(build):
    components = build("terms.contrastive.ema.when={every='2 steps'}")
    text = describe_equations(prepare_run(components, choose_device("cpu")))
    for stage in components.stages:
        for term in stage.terms:
            assert f"  {term.label} " in text
            assert all(f"{signal}: " in text for signal in term.bindings.values())
    assert "= 0.35*distillation.enhanced + 0.35*distillation.curve_map" in text
    assert "\n      at 1 of 2 steps\n" in text
    assert "\n      after adaptive_pool, gap\n" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_data_and_latex(build):
    plan = prepare_run(build(), choose_device("cpu"))
    assert [stage["stage"] for stage in equations_to_dict(plan)["stages"]] == ["pretrain", "distill"]
    assert equations_to_latex(plan).count("\\begin{aligned}") == 2


def test_a_stage_with_an_aggregator_says_that_its_sum_is_not_descended(build):
    plan = prepare_run(build("stages.distill.aggregate={use='sum'}"), choose_device("cpu"))
    text = " ".join(describe_equations(plan).split())
    assert text.count("this sum is only reported: aggregator 'sum' combines the terms' gradients") == 1
    assert [stage["aggregator"] for stage in equations_to_dict(plan)["stages"]] == ["", "sum"]
