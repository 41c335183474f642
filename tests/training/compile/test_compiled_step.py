"""A compiled step is the step; where it cannot be one, that is said."""

import random

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from zerokd.errors import RecipeError
from zerokd.objective.gradients import term_gradients
from zerokd.objective.objective import NOTHING_CACHED
from zerokd.proof.probe import probe
from zerokd.run.plan import prepare_run
from zerokd.training.batches import iterate_batches
from zerokd.training.compile.compiled_step import (
    NotCompiledError,
    compile_step,
    isolate_layout_nodes,
    select_usual_terms,
)
from zerokd.training.device import choose_device
from zerokd.training.state import StageState
from zerokd.training.step import build_accumulator

CPU = choose_device("cpu")
FEW = ("stages.distill.epochs=3", "terms.distillation.perceptual.weight=0", "terms.distillation.structure.weight=0")


def steps(build, *settings, count=3):
    """The gradients and values of some steps of the first stage, each taken."""
    components = build("stages.pretrain.epochs=9", "stages.pretrain.batch=2", *settings)
    stage = components.stages[0]
    low = next(iterate_batches(components.data, [0, 1], stage, 0, CPU)).low
    objective = probe(stage, components, low)
    one = build_accumulator(stage, objective, components, low, 4)
    training, found = StageState(stage, objective, components), []
    for step, batch in zip(range(count), iterate_batches(components.data, [0, 1, 2, 3], stage, 0, CPU), strict=False):
        training.zero_grad()
        evaluation, _ = one.backward(batch, step, per_term=False)
        found.append((evaluation.total.clone(), training.flat_student[0].gradient.clone()))
        training.optimizer_step(step)
    return one, found


def test_a_compiled_step_has_the_value_and_gradient_of_the_step_as_training_goes_on(build):
    scheduled = 'terms.pretraining.exposure.weight={use="linear", from=1.0, to=7.0, end="5 epochs"}'
    plain, wanted = steps(build, scheduled)
    made, found = steps(build, scheduled, 'speed.compile="on"')
    assert not plain.compiled_steps
    assert made.compiled_steps
    for (total, gradient), (other, same) in zip(wanted, found, strict=True):
        torch.testing.assert_close(other, total, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(same, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("lay_out", [torch.Tensor.to, torch.Tensor.contiguous])
def test_what_is_laid_out_anew_is_computed_before_it(lay_out):
    image = torch.rand(2, 3, 4, 4)

    def step(image):
        return lay_out(2 * image, memory_format=torch.channels_last) + 1

    graph = make_fx(step)(image)
    isolate_layout_nodes(graph)
    called = [node.target for node in graph.graph.nodes if node.op == "call_function"]
    assert called.index(torch.ops.aten.mul.Tensor) + 1 == called.index(torch.ops.zerokd.as_it_is.default)
    made = graph(image)
    assert torch.equal(made, step(image))
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_in_16_bits_it_is_the_step_to_a_few_of_the_last_bits(build):
    _, wanted = steps(build, count=1)
    made, found = steps(build, 'speed.compile="on"', 'speed.autocast="float16"', count=1)
    assert made.compiled_steps
    (_, gradient), (_, same) = wanted[0], found[0]
    assert 0 < (same - gradient).norm() / gradient.norm() < 4 * torch.finfo(torch.float16).eps


def test_a_step_of_other_terms_or_fewer_images_is_not_the_programs(build):
    one, _ = steps(build, 'speed.compile="on"', "terms.pretraining.color.monitor=true", count=1)
    weights = one.objective.weights_at(0)
    (program,) = one.compiled_steps
    assert program.fits(2, weights, per_term=False)
    assert not program.fits(2, weights, per_term=True)
    assert not program.fits(1, weights, per_term=False)
    assert not program.fits(2, {label: 1.0 for label in weights if label != "pretraining.color"}, per_term=False)


def test_the_program_is_for_the_terms_of_most_steps(build):
    components = build(*FEW, 'terms.task.color.when={every="4 steps"}', 'terms.task.exposure.when={until="4 steps"}')
    stage = components.stages[1]
    labels = select_usual_terms(probe(stage, components, torch.rand(2, 3, 32, 32)), stage.clock.steps)
    assert "task.exposure" in labels
    assert "task.color" not in labels
    assert "distillation.enhanced" in labels


@pytest.mark.parametrize("wish", ["on", "try"])
def test_what_cannot_be_compiled_is_refused_or_said(build, monkeypatch, wish):
    def broken(*args, **options):
        raise RuntimeError("no C++ compiler\nand a trace")

    monkeypatch.setattr(torch, "compile", broken)
    settings = (f'speed.compile="{wish}"', 'run=["pretrain"]')
    told = "stage 'pretrain' cannot be compiled: RuntimeError: no C++ compiler"
    components = build(*settings)
    if wish == "on":
        with pytest.raises(RecipeError) as caught:
            prepare_run(components, CPU)
        assert told in str(caught.value)
        assert 'compile = "try"' in str(caught.value)
    else:
        plan = prepare_run(components, CPU)
        assert told in plan.components.fallbacks
        assert not plan.accumulators[0].compiled_steps


def test_a_program_that_does_something_else_is_not_used(build, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda graph, **options: lambda *given: [2 * one for one in graph(*given)])
    with pytest.raises(RecipeError, match="the program's gradient differs from the step's own by 1 of its size"):
        prepare_run(build('speed.compile="on"', 'run=["pretrain"]'), CPU)


def test_a_narrow_gradient_of_a_library_is_laid_out_as_the_networks_own():
    layer = torch.nn.Conv2d(3, 32, 3).to(memory_format=torch.channels_last)

    def step(image):
        made = layer(2 * image.contiguous(memory_format=torch.channels_last)).square().mean()
        return torch.autograd.grad(made, image)[0] + 1

    image = torch.rand(2, 3, 8, 8, requires_grad=True)
    graph = make_fx(step)(image)
    isolate_layout_nodes(graph)
    (slope,) = graph.graph.find_nodes(op="call_function", target=torch.ops.aten.clone.default)[-1:]
    assert slope.kwargs["memory_format"] is torch.contiguous_format
    assert [user.target for user in slope.users] == [torch.ops.zerokd.as_it_is.default]
    assert torch.equal(graph(image), step(image))


def test_a_program_measures_each_term_as_the_step_does(build):
    components = build('run=["distill"]', "stages.distill.batch=2")
    (stage,) = components.stages
    batch = next(iterate_batches(components.data, [0, 1], stage, 0, CPU))
    objective = probe(stage, components, batch.low)
    one = build_accumulator(stage, objective, components, batch.low, 2)
    inputs, kept = stage.stage.inputs(batch.low), one.frozen_cache.get_or_compute(batch.low, batch.names)
    program = compile_step(
        objective, inputs, kept, one.parameters, one.student_parameters, steps=4, use_torch_compile=False
    )
    weights = objective.weights_at(0)
    assert program.fits(2, weights, per_term=True)
    assert not program.fits(2, weights, per_term=False)
    found, gradient, each = program(inputs, weights, kept)
    wanted = objective(inputs, 0, kept)
    apart = term_gradients(wanted.weights, wanted.values, one.student_parameters)
    assert each.keys() == apart.keys()
    for label, its in apart.items():
        torch.testing.assert_close(each[label], its, rtol=1e-4, atol=1e-5 * its.norm().item())
    torch.testing.assert_close(gradient, sum(each.values()), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found.total, wanted.total.detach())


def test_what_a_loss_draws_while_it_is_recorded_is_not_all_that_it_ever_draws(build, monkeypatch):
    components = build("stages.pretrain.batch=2")
    stage = components.stages[0]
    low = next(iterate_batches(components.data, [0, 1], stage, 0, CPU)).low
    objective = probe(stage, components, low)
    loss = objective.loss("pretraining.exposure")
    plain = loss.forward
    monkeypatch.setattr(loss, "forward", lambda **ports: plain(**ports) * random.random())
    own = [*components.student.parameters()]
    with pytest.raises(NotCompiledError, match="gradient differs from the step's own"):
        compile_step(objective, stage.stage.inputs(low), NOTHING_CACHED, own, steps=4, use_torch_compile=False)


def test_a_library_that_is_asked_for_no_gradient_at_its_image_is_left_alone():
    layer = torch.nn.Conv2d(3, 32, 3)

    def step(image):
        return torch.autograd.grad(layer(image).square().mean(), layer.weight)

    image = torch.rand(2, 3, 8, 8)
    graph = make_fx(step)(image)
    count = len(graph.graph.nodes)
    isolate_layout_nodes(graph)
    assert len(graph.graph.nodes) == count
