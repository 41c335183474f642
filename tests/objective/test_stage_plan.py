"""What a recipe's stage comes to."""

from zerokd.objective.stage_plan import ObjectivePlan, OptimizerSettings


def test_a_stage_has_what_its_objective_and_its_optimizer_need(build):
    pretrain, distill = build("stages.distill.optimizer={learning_rate=1e-3, clip_norm=1.0}").stages
    assert isinstance(distill, ObjectivePlan)
    assert distill.optimizer == OptimizerSettings(1e-3, 1e-7, 0.0, 1.0)
    assert pretrain.equation.text == "pretraining"
    assert {term.group for term in distill.terms} == set(distill.coefficients)
    assert distill.idle_terms == ()
    assert distill.clock.steps == distill.epochs * distill.clock.steps_per_epoch
