"""What can be kept of an image is what does not depend on what is trained, and it makes no difference."""

import pytest
import torch

from tests.objective.test_graph import count_forwards
from zerokd.objective.cached_tensors import CachedTensors
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe
from zerokd.training.frozen_cache.cacheable import CachePlan

LOW = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def create_plan(build, *settings):
    components = build(*settings)
    objective = probe(components.stages[1], components, Batch.from_images(LOW))
    return components, objective, CachePlan(objective, objective.weights)


def test_what_is_kept_is_what_frozen_models_and_their_adapters_make_for_terms(build):
    _, _, plan = create_plan(build)
    pool = "gap(student=adaptive_pool(student=student.features.{0}, teacher=teacher.features.{1})[student], "
    pool += "teacher=adaptive_pool(student=student.features.{0}, teacher=teacher.features.{1})[teacher])[teacher]"
    pairs = (("e_conv1", "e_conv2"), ("e_conv2", "e_conv4"), ("e_conv3", "e_conv7"))
    maps = "match_iterations(prediction=student.curve_map, target=teacher.curve_map)[target]"
    assert set(plan.tensor_names) == {"teacher.enhanced", maps, *(pool.format(*pair) for pair in pairs)}
    assert plan.prepared_labels == [
        "distillation.perceptual",
        "distillation.structure",
        "task.spatial",
        "task.exposure",
    ]


def test_the_objective_and_its_gradient_are_the_same_to_the_bit_with_what_is_kept(build):
    components, objective, plan = create_plan(build)
    parameters = list(components.student.parameters())
    plain, cached = objective({"low": LOW}), objective({"low": LOW}, 0, plan.compute({"low": LOW}))
    for label, value in plain.values.items():
        assert torch.equal(value, cached.values[label]), label
    pairs = zip(*(torch.autograd.grad(result.total, parameters) for result in (plain, cached)), strict=True)
    for first, second in pairs:
        torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-7)


def test_what_is_prepared_image_by_image_makes_no_difference(build):
    components, objective, plan = create_plan(build)
    alone = [plan.compute({"low": low}) for low in LOW.split(1)]
    tensors = {name: torch.cat([image.tensors[name] for image in alone]) for name in plan.tensor_names}
    prepared = {
        label: tuple(part for image in alone for part in image.prepared_ports[label]) for label in plan.prepared_labels
    }
    plain, cached = objective({"low": LOW}), objective({"low": LOW}, 0, CachedTensors(tensors, prepared))
    for label, value in plain.values.items():
        torch.testing.assert_close(cached.values[label], value, rtol=1e-5, atol=1e-7)
    parameters = list(components.student.parameters())
    pairs = zip(*(torch.autograd.grad(result.total, parameters) for result in (plain, cached)), strict=True)
    for first, second in pairs:
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-6)


def test_no_frozen_model_runs_where_all_is_kept(build):
    components, objective, plan = create_plan(build)
    cached = plan.compute({"low": LOW})
    counts = count_forwards(components)
    objective({"low": LOW}, 0, cached)
    assert counts == {"student": 1, "teacher": 0, "ema": 1}


def test_what_is_held_is_not_computed_again(build):
    components, _, plan = create_plan(build)
    whole = plan.compute({"low": LOW})
    counts = count_forwards(components)
    part = CachedTensors(whole.tensors, {})
    again = plan.compute({"low": LOW}, part)
    assert counts["teacher"] == 0
    for label, parts in whole.prepared_ports.items():
        pairs = zip(parts[0], again.prepared_ports[label][0], strict=True)
        assert all(torch.equal(first, second) for first, second in pairs)


def test_without_a_frozen_model_what_losses_make_of_the_image_is_kept_where_it_comes_again(build):
    components = build()
    objective = probe(components.stages[0], components, Batch.from_images(LOW))
    again, once = (CachePlan(objective, objective.weights, images_repeat) for images_repeat in (True, False))
    assert (again.tensor_names, again.prepared_labels) == ([], ["pretraining.exposure"])
    assert (once.tensor_names, once.prepared_labels) == ([], [])


def test_what_losses_make_of_a_frozen_models_image_is_made_image_by_image_even_if_none_comes_again(build):
    components = build()
    objective = probe(components.stages[1], components, Batch.from_images(LOW))
    assert CachePlan(objective, objective.weights, False).prepared_labels == [
        "distillation.perceptual",
        "distillation.structure",
    ]


@pytest.mark.parametrize("term", ["distillation.perceptual", "distillation.structure"])
def test_a_term_that_compares_with_something_trained_prepares_nothing(build, term):
    group, name = term.split(".")
    components = build(f'terms.{group}.{name}.on={{target="ema.enhanced"}}')
    with torch.no_grad():  # at first it is the student, and a loss of equal images has no gradient
        for weight in components.get_model("ema").parameters():
            weight += 0.1
    objective = probe(components.stages[1], components, Batch.from_images(LOW))
    plan = CachePlan(objective, objective.weights)
    assert term not in plan.prepared_labels
    assert "teacher.enhanced" in plan.tensor_names  # others read it
    objective({"low": LOW}, 0, plan.compute({"low": LOW}))


def test_a_loss_that_learns_prepares_nothing(build):
    components = build()
    objective = probe(components.stages[1], components, Batch.from_images(LOW))
    loss = objective.loss("distillation.structure")
    loss.register_parameter("scale", torch.nn.Parameter(torch.ones(())))
    assert "distillation.structure" not in CachePlan(objective, objective.weights).prepared_labels
