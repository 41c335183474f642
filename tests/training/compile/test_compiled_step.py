"""A compiled step is the step; where it cannot be one, that is said."""

import random

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from zerokd.errors import RecipeError
from zerokd.objective.cached_tensors import NOTHING_CACHED
from zerokd.objective.gradients import term_gradients
from zerokd.plugin.batch import Batch
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
    objective = probe(stage, components, Batch.from_images(low))
    accumulator = build_accumulator(stage, objective, components, Batch.from_images(low), 4)
    state, taken = StageState(stage, objective, components), []
    for step, batch in zip(range(count), iterate_batches(components.data, [0, 1, 2, 3], stage, 0, CPU), strict=False):
        state.zero_grad()
        result, _ = accumulator.forward_backward(batch, step, per_term=False)
        taken.append((result.total.clone(), state.flat_student[0].gradient.clone()))
        state.optimizer_step(step)
    return accumulator, taken


def test_a_compiled_step_has_the_value_and_gradient_of_the_step_as_training_goes_on(build):
    scheduled = 'terms.pretraining.exposure.weight={use="linear", from=1.0, to=7.0, end="5 epochs"}'
    plain, expected = steps(build, scheduled)
    compiled, found = steps(build, scheduled, 'speed.compile="on"')
    assert not plain.compiled_steps
    assert compiled.compiled_steps
    for (total, gradient), (compiled_total, compiled_gradient) in zip(expected, found, strict=True):
        torch.testing.assert_close(compiled_total, total, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(compiled_gradient, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("lay_out", [torch.Tensor.to, torch.Tensor.contiguous])
def test_what_is_laid_out_anew_is_computed_before_it(lay_out):
    image = torch.rand(2, 3, 4, 4)

    def step(image):
        return lay_out(2 * image, memory_format=torch.channels_last) + 1

    graph = make_fx(step)(image)
    isolate_layout_nodes(graph)
    called = [node.target for node in graph.graph.nodes if node.op == "call_function"]
    assert called.index(torch.ops.aten.mul.Tensor) + 1 == called.index(torch.ops.zerokd.opaque_clone.default)
    output = graph(image)
    assert torch.equal(output, step(image))
    assert output.is_contiguous(memory_format=torch.channels_last)


def test_in_16_bits_it_is_the_step_to_a_few_of_the_last_bits(build):
    _, expected = steps(build, count=1)
    compiled, found = steps(build, 'speed.compile="on"', 'speed.autocast="float16"', count=1)
    assert compiled.compiled_steps
    (_, gradient), (_, compiled_gradient) = expected[0], found[0]
    assert 0 < (compiled_gradient - gradient).norm() / gradient.norm() < 4 * torch.finfo(torch.float16).eps


def test_a_step_of_other_terms_or_fewer_images_is_not_the_programs(build, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda graph, **options: graph)  # which program it becomes is no matter here
    accumulator, _ = steps(build, 'speed.compile="on"', "terms.pretraining.color.monitor=true", count=1)
    weights = accumulator.objective.weights_at(0)
    (program,) = accumulator.compiled_steps
    assert program.fits(2, weights, per_term=False)
    assert not program.fits(2, weights, per_term=True)
    assert not program.fits(1, weights, per_term=False)
    assert not program.fits(2, {label: 1.0 for label in weights if label != "pretraining.color"}, per_term=False)


def test_the_program_is_for_the_terms_of_most_steps(build):
    components = build(*FEW, 'terms.task.color.when={every="4 steps"}', 'terms.task.exposure.when={until="4 steps"}')
    stage = components.stages[1]
    labels = select_usual_terms(
        probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32))), stage.clock.steps
    )
    assert "task.exposure" in labels
    assert "task.color" not in labels
    assert "distillation.enhanced" in labels


@pytest.mark.parametrize("compile_setting", ["on", "try"])
def test_what_cannot_be_compiled_is_refused_or_said(build, monkeypatch, compile_setting):
    def broken(*args, **options):
        raise RuntimeError("no C++ compiler\nand a trace")

    monkeypatch.setattr(torch, "compile", broken)
    settings = (f'speed.compile="{compile_setting}"', 'run=["pretrain"]')
    message = "stage 'pretrain' cannot be compiled: RuntimeError: no C++ compiler"
    components = build(*settings)
    if compile_setting == "on":
        with pytest.raises(RecipeError) as caught:
            prepare_run(components, CPU)
        assert message in str(caught.value)
        assert 'compile = "try"' in str(caught.value)
    else:
        plan = prepare_run(components, CPU)
        assert message in plan.components.fallbacks
        assert not plan.accumulators[0].compiled_steps


def test_a_program_that_does_something_else_is_not_used(build, monkeypatch):
    monkeypatch.setattr(
        torch, "compile", lambda graph, **options: lambda *inputs: [2 * tensor for tensor in graph(*inputs)]
    )
    with pytest.raises(RecipeError, match="its gradient differs from the eager one by 1 of its norm"):
        prepare_run(build('speed.compile="on"', 'run=["pretrain"]'), CPU)


def test_a_narrow_gradient_of_a_library_is_laid_out_as_the_networks_own():
    layer = torch.nn.Conv2d(3, 32, 3).to(memory_format=torch.channels_last)

    def step(image):
        value = layer(2 * image.contiguous(memory_format=torch.channels_last)).square().mean()
        return torch.autograd.grad(value, image)[0] + 1

    image = torch.rand(2, 3, 8, 8, requires_grad=True)
    graph = make_fx(step)(image)
    isolate_layout_nodes(graph)
    (gradient,) = graph.graph.find_nodes(op="call_function", target=torch.ops.aten.clone.default)[-1:]
    assert gradient.kwargs["memory_format"] is torch.contiguous_format
    assert [user.target for user in gradient.users] == [torch.ops.zerokd.opaque_clone.default]
    assert torch.equal(graph(image), step(image))


def test_a_program_measures_each_term_as_the_step_does(build):
    components = build('run=["distill"]', "stages.distill.batch=2")
    (stage,) = components.stages
    batch = next(iterate_batches(components.data, [0, 1], stage, 0, CPU))
    objective = probe(stage, components, Batch.from_images(batch.low))
    accumulator = build_accumulator(stage, objective, components, Batch.from_images(batch.low), 2)
    inputs, cached = (
        stage.plugin.inputs(batch),
        accumulator.frozen_cache.get_or_compute({"low": batch.low}, batch.names),
    )
    program = compile_step(
        objective,
        inputs,
        cached,
        accumulator.parameters,
        accumulator.student_parameters,
        steps=4,
        use_torch_compile=False,
    )
    weights = objective.weights_at(0)
    assert program.fits(2, weights, per_term=True)
    assert not program.fits(2, weights, per_term=False)
    result, gradient, by_term = program(inputs, weights, cached)
    eager = objective(inputs, 0, cached)
    expected = term_gradients(eager.weights, eager.values, accumulator.student_parameters)
    assert by_term.keys() == expected.keys()
    for label, term_gradient in expected.items():
        torch.testing.assert_close(by_term[label], term_gradient, rtol=1e-4, atol=1e-5 * term_gradient.norm().item())
    torch.testing.assert_close(gradient, sum(by_term.values()), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(result.total, eager.total.detach())


def test_what_a_loss_draws_while_it_is_recorded_is_not_all_that_it_ever_draws(build, monkeypatch):
    components = build("stages.pretrain.batch=2")
    stage = components.stages[0]
    low = next(iterate_batches(components.data, [0, 1], stage, 0, CPU)).low
    objective = probe(stage, components, Batch.from_images(low))
    loss = objective.loss("pretraining.exposure")
    plain = loss.forward
    monkeypatch.setattr(loss, "forward", lambda **ports: plain(**ports) * random.random())
    own = [*components.student.parameters()]
    with pytest.raises(NotCompiledError, match="gradient differs from the eager one"):
        compile_step(
            objective,
            stage.plugin.inputs(Batch.from_images(low)),
            NOTHING_CACHED,
            own,
            steps=4,
            use_torch_compile=False,
        )


def test_a_library_that_is_asked_for_no_gradient_at_its_image_is_left_alone():
    layer = torch.nn.Conv2d(3, 32, 3)

    def step(image):
        return torch.autograd.grad(layer(image).square().mean(), layer.weight)

    image = torch.rand(2, 3, 8, 8)
    graph = make_fx(step)(image)
    count = len(graph.graph.nodes)
    isolate_layout_nodes(graph)
    assert len(graph.graph.nodes) == count
