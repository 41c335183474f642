"""The loop: one step against the same step written by hand, and what happens when numbers stop being finite."""

import copy
import io
import json

import pytest
import torch
from attrs import evolve

import zerokd
from zerokd.errors import NumericError
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe
from zerokd.training.batches import iterate_batches
from zerokd.training.loop import Player, train
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step import build_accumulator
from zerokd.training.step_log import StepLog

CPU = torch.device("cpu")
INDICES = [0, 1, 2, 3]


def run(components, number=0, poison=None):
    stage = components.stages[number]
    objective = probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32)))
    if poison:
        objective.losses["pretraining/smoothness"].forward = poison
    with StepLog(stage, objective, io.StringIO()) as step_log:
        accumulator = build_accumulator(
            stage, objective, components, Batch.from_images(torch.rand(2, 3, 32, 32)), len(INDICES)
        )
        state = StageState(stage, objective, components)
        train(Player(state, accumulator, step_log), components, INDICES, NonFinitePolicy(0))
    return components.student


def test_two_steps_equal_adam_written_out(build):
    """Adam (Kingma and Ba 2015), the clipped norm and the cosine rate, each from its formula."""
    components = build("stages.pretrain.epochs=2", "stages.pretrain.batch=4", "data.count=4", "data.held_out=0.0")
    stage = components.stages[0]
    twin = build("stages.pretrain.epochs=2", "stages.pretrain.batch=4", "data.count=4", "data.held_out=0.0")
    objective = probe(twin.stages[0], twin, Batch.from_images(torch.rand(2, 3, 32, 32)))
    parameters = list(twin.student.parameters())
    first = [torch.zeros_like(parameter) for parameter in parameters]
    second = [torch.zeros_like(parameter) for parameter in parameters]
    rates = [5e-3, 1e-7 + (5e-3 - 1e-7) * 0.5]  # cosine over two steps: the start, and half way
    for step, batch in enumerate(iterate_batches(twin.data, INDICES, twin.stages[0], 0, CPU), 1):
        gradients = torch.autograd.grad(objective({"low": batch.low}).total, parameters)
        norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        scale = min(1.0, 0.1 / (float(norm) + 1e-6))
        for parameter, gradient, m, v in zip(parameters, gradients, first, second, strict=True):
            m.mul_(0.9).add_(0.1 * scale * gradient)
            v.mul_(0.999).add_(0.001 * (scale * gradient) ** 2)
            with torch.no_grad():
                parameter -= rates[step - 1] * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
    student = run(components)
    assert stage.optimizer.plugin.config.weight_decay == 0.0
    for trained, expected in zip(student.parameters(), parameters, strict=True):
        torch.testing.assert_close(trained, expected, rtol=1e-4, atol=1e-6)


def test_teacher_never_changes_and_student_does(build):
    components = build()
    teacher = copy.deepcopy(components.models["teacher"].state_dict())
    student = copy.deepcopy(components.student.state_dict())
    run(components, 1)
    assert all(torch.equal(teacher[key], value) for key, value in components.models["teacher"].state_dict().items())
    assert not all(torch.equal(student[key], value) for key, value in components.student.state_dict().items())


def test_the_average_starts_at_the_student_and_follows_it_by_its_decay(build):
    components = build("models.ema.decay=0.75")
    average, student = components.averages["ema"], components.student
    torch.nn.init.ones_(student.e_conv1.point_conv.bias)
    stage = components.stages[1]
    state = StageState(stage, probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32))), components)
    assert torch.equal(average.model.e_conv1.point_conv.bias, student.e_conv1.point_conv.bias)
    torch.nn.init.constant_(student.e_conv1.point_conv.bias, 5.0)
    state.optimizer_step(0)  # the stored gradient is 0, so the student stays
    torch.testing.assert_close(average.model.e_conv1.point_conv.bias, torch.full((4,), 2.0))
    state.optimizer_step(1)
    torch.testing.assert_close(average.model.e_conv1.point_conv.bias, torch.full((4,), 2.75))


@pytest.mark.parametrize("poison", ["value", "gradient"])
def test_a_gradient_that_is_not_finite_changes_no_parameter_and_names_term_and_image(build, poison):
    components = build()

    def forward(*, image):
        value = image.mean(dim=(1, 2, 3))
        return value * float("nan") if poison == "value" else (value * 0).abs().sqrt()

    before = copy.deepcopy(components.student.state_dict())
    with pytest.raises(NumericError) as caught:
        run(components, poison=forward)
    assert all(torch.equal(before[key], value) for key, value in components.student.state_dict().items())
    text = str(caught.value)
    assert "stage 'pretrain', step 1" in text
    assert "dead_leaves/" in text
    what = "values" if poison == "value" else "gradient"
    assert f"{what} not finite: pretraining.smoothness, on dead_leaves/" in text
    assert caught.value.exit_code == 4


def test_the_sum_by_an_aggregator_is_the_plain_sum_but_for_rounding(build):
    settings = ("stages.distill.epochs=3", 'terms.task.color.when={every="2 steps"}')
    plain = run(build(*settings), 1)
    summed = run(build(*settings, 'stages.distill.aggregate={use="sum"}'), 1)
    for expected, trained in zip(plain.parameters(), summed.parameters(), strict=True):
        torch.testing.assert_close(trained, expected, rtol=1e-3, atol=2e-5)


class Recorded(zerokd.Aggregator):
    """Follows the first term alone, and records its inputs."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.inputs = []

    def forward(self, gradients):
        self.calls += 1
        self.inputs.append(gradients.clone())
        return gradients[0]


def aggregating(components, aggregator, number=0):
    stages = list(components.stages)
    stages[number] = evolve(stages[number], aggregator=aggregator, aggregator_name="mine")
    return evolve(components, stages=tuple(stages))


def test_an_aggregator_gets_a_row_for_each_term_that_weighs_and_is_followed(build):
    settings = ("terms.pretraining.color.monitor=true", 'terms.pretraining.exposure.when={every="2 steps"}')
    recorded = Recorded()
    mixed = aggregating(build("stages.pretrain.epochs=1", "stages.pretrain.batch=2", *settings), recorded)
    student = run(mixed)
    assert [len(rows) for rows in recorded.inputs] == [2, 1]  # exposure rests at every second step
    assert recorded.inputs[0].shape[1] == student.parameter_count()


def test_one_term_alone_by_an_aggregator_is_that_term(build):
    """Following the first of three terms equals an objective of that term, from the first step to the last."""
    alone = build("terms.pretraining.smoothness.monitor=true", "terms.pretraining.color.monitor=true")
    mixed = build()
    labels = [term.label for term in mixed.stages[0].terms]
    assert labels[0] == "pretraining.exposure"
    single, followed = run(alone), run(aggregating(mixed, Recorded()))
    for expected, trained in zip(single.parameters(), followed.parameters(), strict=True):
        torch.testing.assert_close(trained, expected, rtol=1e-4, atol=1e-6)


def test_a_gradient_that_an_aggregator_spoils_is_told_as_its_own(build):
    class Spoilt(Recorded):
        def forward(self, gradients):
            return super().forward(gradients) * (float("nan") if self.calls > 1 else 1)

    components = aggregating(build("stages.pretrain.batch=2"), Spoilt())
    with pytest.raises(NumericError) as caught:
        run(components)
    assert "step 2" in str(caught.value)
    assert "the output of aggregator 'mine', or its norm, is not" in str(caught.value)


class Halving(zerokd.Weighting):
    """Halves its factors at each step, and records what it reads."""

    def start(self, labels, clock):
        self.labels, self.inputs = labels, []
        self.register_buffer("factor", torch.ones(len(labels)))

    def factors(self, gradients, terms):
        self.inputs.append((gradients.clone(), terms))
        factors = self.factor[terms.positions]
        self.factor = self.factor.index_copy(0, terms.positions, factors / 2)  # another tensor in its place
        return factors


def start_halving(components, weighting=None):
    weighting = weighting or Halving()
    weighting.start(components.stages[0].trained_labels, components.stages[0].clock)
    return weighting, aggregating(components, weighting)


def log_lines(components, policy=None, poison=None):
    stage, file = components.stages[0], io.StringIO()
    sample = Batch.from_images(torch.rand(2, 3, 32, 32))
    objective = probe(stage, components, sample)
    if poison:
        objective.losses["pretraining/smoothness"].forward = poison
    with StepLog(stage, objective, file) as step_log:
        accumulator = build_accumulator(stage, objective, components, sample, len(INDICES))
        state = StageState(stage, objective, components)
        train(Player(state, accumulator, step_log), components, INDICES, policy or NonFinitePolicy(0))
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_a_weighting_reads_the_labels_values_weights_and_step_of_its_rows(build):
    settings = ("terms.pretraining.color.monitor=true", 'terms.pretraining.exposure.when={every="2 steps"}')
    small = ("stages.pretrain.epochs=1", "stages.pretrain.batch=2", "speed.images_at_once=1")
    weighting, components = start_halving(build(*small, *settings))
    lines = [line for line in log_lines(components) if line["kind"] == "step"]
    assert weighting.labels == ("pretraining.exposure", "pretraining.smoothness")
    for step, ((gradients, terms), line) in enumerate(zip(weighting.inputs, lines, strict=True)):
        assert (terms.step, terms.clock) == (step, components.stages[0].clock)
        assert terms.labels == tuple(weighting.labels[position] for position in terms.positions)
        assert len(gradients) == len(terms.labels) == 2 - step  # exposure rests at the second step
        for label, value, weight in zip(terms.labels, terms.values.tolist(), terms.weights.tolist(), strict=True):
            logged = line["terms"][label]
            assert (value, weight) == pytest.approx((logged["value"], logged["weight"]))  # of both micro batches
    factors = [{label: term.get("factor") for label, term in line["terms"].items()} for line in lines]
    assert factors == [
        {"pretraining.exposure": 1.0, "pretraining.smoothness": 1.0, "pretraining.color": None},
        {"pretraining.smoothness": 0.5, "pretraining.color": None},
    ]


def test_factors_of_1_give_the_student_of_the_sum(build):
    class Ones(Halving):
        def factors(self, gradients, terms):
            return torch.ones_like(super().factors(gradients, terms))

    _, components = start_halving(build(), Ones())
    for expected, trained in zip(run(build()).parameters(), run(components).parameters(), strict=True):
        torch.testing.assert_close(trained, expected, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("poison", ["value", "gradient", "factor"])
def test_a_skipped_step_leaves_the_state_of_an_aggregator_as_it_was(build, poison):
    class Spoiling(Halving):
        def factors(self, gradients, terms):
            return super().factors(gradients, terms) * (float("inf") if poison == "factor" and terms.step == 1 else 1)

    steps = {}

    def forward(*, image):
        step = steps.setdefault(image.detach().sum().item(), len(steps))  # a diagnosis computes the same again
        value, is_bad = image.mean(dim=(1, 2, 3)), step == 1
        if poison == "value" and is_bad:
            return value * float("nan")
        return value + (value * 0).abs().sqrt() if poison == "gradient" and is_bad else value

    small = ("stages.pretrain.epochs=1", "stages.pretrain.batch=1", "diagnose_every=100")
    weighting, components = start_halving(build(*small), Spoiling())
    lines = log_lines(components, NonFinitePolicy(1), forward)
    assert [line["kind"] for line in lines] == ["step", "skipped", "step", "step", "epoch"]
    factors = [line["terms"]["pretraining.exposure"]["factor"] for line in lines if line["kind"] != "skipped"]
    assert factors == [1.0, 0.5, 0.25, pytest.approx(1.75 / 3)]  # the skipped step has halved nothing
    assert weighting.factor.tolist() == [0.125] * 3
