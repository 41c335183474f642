"""What a recipe's stage comes to."""

from zerokd.objective.stage_plan import ObjectivePlan


def test_a_stage_has_what_its_objective_and_its_optimizer_need(build):
    pretrain, distill = build("stages.distill.optimizer={learning_rate=1e-3, clip_norm=1.0}").stages
    assert isinstance(distill, ObjectivePlan)
    optimizer = distill.optimizer
    assert (optimizer.learning_rate, optimizer.final_learning_rate, optimizer.clip_norm) == (1e-3, 1e-7, 1.0)
    assert (optimizer.name, optimizer.plugin.config.weight_decay, optimizer.groups) == ("adam", 0.0, ())
    assert pretrain.equation.text == "pretraining"
    assert {term.group for term in distill.terms} == set(distill.coefficients)
    assert distill.idle_terms == ()
    assert distill.clock.steps == distill.epochs * distill.clock.steps_per_epoch
