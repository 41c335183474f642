"""The objective as a module for anyone's loop, on any task, with numbers worked out by hand."""

import copy
import math
import os
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import zerokd
from zerokd import Loss, Port


class SoftTargets(Loss):
    """KL divergence of softened class probabilities (Hinton et al. 2015)."""

    class Config(zerokd.Config):
        temperature: float = 1.0

    ports = {
        "logits": Port("the student's logits", grad=True, like="target"),
        "target": Port("the teacher's logits"),
    }

    def forward(self, *, logits, target):
        t = self.config.temperature
        student, teacher = F.log_softmax(logits / t, dim=1), F.softmax(target / t, dim=1)
        return t * t * F.kl_div(student, teacher, reduction="none").sum(dim=1)


class CrossEntropy(Loss):
    """Of logits (N, C, ...) and class indices (N, ...)."""

    ports = {"logits": Port("logits", grad=True), "labels": Port("class indices")}

    def forward(self, *, logits, labels):
        values = F.cross_entropy(logits, labels, reduction="none")
        return values.flatten(1).mean(dim=1) if values.ndim > 1 else values


class Difference(Loss):
    """Mean squared difference of tensors of any shape."""

    ports = {"prediction": Port("the student's", grad=True, like="target"), "target": Port("the wanted one")}

    def forward(self, *, prediction, target):
        return (prediction - target).square().flatten(1).mean(dim=1)


class Doubling(nn.Module):
    """A super-resolution network of one parameter."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, low):
        return self.gain * F.interpolate(low, scale_factor=2, mode="nearest")


def difference(on, **options):
    return zerokd.Term(Difference(), on=on, **options)


def distilling(**options):
    """A student of one convolution, its average, and a frozen teacher."""
    torch.manual_seed(0)
    student, teacher = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
    objective = zerokd.Objective(
        "alpha*distillation + (1 - alpha)*consistency",
        params={"alpha": 0.25},
        terms={
            "distillation.output": difference({"prediction": "student.output", "target": "teacher.output"}),
            "consistency.average": difference(
                {"prediction": "student.output", "target": "ema.output"}, weight=2.0
            ),
        },
        models={"student": student, "teacher": teacher, "ema": zerokd.Average("student", decay=0.5)},
        **options,
    )
    return objective, student, teacher


LOW = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_the_sum_by_hand():
    objective, student, teacher = distilling()
    result = objective(LOW)
    by_hand = (student(LOW) - teacher(LOW)).square().flatten(1).mean(dim=1)
    torch.testing.assert_close(result.values["distillation.output"], by_hand)
    assert result.values["consistency.average"].tolist() == [0.0] * 4
    assert result.weights == {"distillation.output": 0.25, "consistency.average": 1.5}
    torch.testing.assert_close(result.total, 0.25 * by_hand.mean())
    torch.testing.assert_close(result.contributions["distillation.output"], 0.25 * by_hand.mean().detach())
    result.total.backward()
    assert student.weight.grad.norm() > 0
    assert teacher.weight.grad is None


def test_distilling_a_classifier_with_soft_targets_needs_no_model():
    logits = torch.tensor([[0.0, math.log(3.0)], [1.0, 1.0]], requires_grad=True)
    target = torch.zeros(2, 2)
    objective = zerokd.Objective(
        "soft + 0.5*hard",
        terms={
            "soft.targets": zerokd.Term(
                SoftTargets(temperature=1.0), on={"logits": "student.logits", "target": "teacher.logits"}
            ),
            "hard.labels": zerokd.Term(CrossEntropy(), on={"logits": "student.logits", "labels": "labels"}),
        },
    )
    result = objective({"student.logits": logits, "teacher.logits": target, "labels": torch.tensor([1, 0])})
    # KL(1/2, 1/2 || 1/4, 3/4) = ln 2 - ln(3)/2; cross entropies -ln 3/4 and ln 2
    expected = [math.log(2.0) - math.log(3.0) / 2, 0.0]
    torch.testing.assert_close(result.values["soft.targets"], torch.tensor(expected))
    torch.testing.assert_close(result.values["hard.labels"], torch.tensor([-math.log(0.75), math.log(2.0)]))
    result.total.backward()
    assert torch.isfinite(logits.grad).all()
    assert objective.prove({"student.logits": logits, "teacher.logits": target, "labels": torch.tensor([1, 0])}).terms


def test_super_resolution_is_another_size():
    objective = zerokd.Objective(
        "task",
        terms={"task.pixels": difference({"prediction": "student.output", "target": "reference"})},
        models={"student": Doubling()},
    )
    low, reference = torch.ones(2, 1, 4, 4), torch.ones(2, 1, 8, 8)
    result = objective({"low": low, "reference": reference})
    assert result.values["task.pixels"].tolist() == [0.25, 0.25]
    result.total.backward()
    assert objective.student.gain.grad.item() == -1.0  # d/dg (g - 1)^2 at 0.5


def test_segmentation_has_a_label_for_each_pixel():
    network = nn.Conv2d(3, 2, 1)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    objective = zerokd.Objective(
        "task",
        terms={"task.labels": zerokd.Term(CrossEntropy(), on={"logits": "student.output", "labels": "labels"})},
        models={"student": network},
    )
    batch = {"low": LOW, "labels": torch.randint(2, (4, 8, 8), generator=torch.Generator().manual_seed(0))}
    result = objective(batch)
    torch.testing.assert_close(result.values["task.labels"], torch.full((4,), math.log(2.0)))
    evidence = objective.prove(batch)
    assert evidence.terms[0].at_parameters > 0


def test_a_dictionary_has_signals_by_its_keys_and_every_layer_is_a_feature():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Conv2d(3, 3, 1)

        def forward(self, low):
            return {"small": self.body(low).mean(dim=(2, 3)), "note": "text"}

    objective = zerokd.Objective(
        "task",
        terms={
            "task.small": difference({"prediction": "student.small", "target": "wanted"}),
            "task.body": difference({"prediction": "student.features.body", "target": "low"}),
        },
        models={"student": Two()},
    )
    result = objective({"low": LOW, "wanted": torch.zeros(4, 3)})
    body = objective.student.body(LOW)
    torch.testing.assert_close(result.values["task.body"], (body - LOW).square().flatten(1).mean(dim=1))
    with pytest.raises(zerokd.RecipeError, match="returns no output 'large'; it returns small"):
        zerokd.Objective(
            "task",
            terms={"task.large": difference({"prediction": "student.large", "target": "low"})},
            models={"student": Two()},
        )(LOW)


def test_a_given_signal_wins_over_its_model():
    objective, student, teacher = distilling()
    target = torch.zeros(4, 3, 8, 8)
    calls = []
    teacher.register_forward_hook(lambda *_: calls.append(1))
    result = objective({"low": LOW, "teacher.output": target})
    torch.testing.assert_close(result.values["distillation.output"], student(LOW).square().flatten(1).mean(dim=1))
    assert calls == []


def test_what_trains_and_what_moves():
    objective, student, teacher = distilling()
    assert [id(one) for one in objective.parameters()] == [id(one) for one in student.parameters()]
    objective.to(torch.float64)
    assert student.weight.dtype == teacher.weight.dtype == torch.float64
    assert objective.models.averages["ema"].model.weight.dtype == torch.float64
    assert objective(LOW.double()).total.dtype == torch.float64


def test_frozen_networks_inside_losses_are_neither_parameters_nor_state():
    objective = zerokd.Objective(
        "task",
        terms={
            "task.perceptual": zerokd.Term(
                "vgg_perceptual", weights="random", on={"prediction": "student.enhanced", "target": "low"}
            )
        },
        models={"student": nn.Sequential(nn.Conv2d(3, 3, 1), nn.Sigmoid())},
    )
    assert len(list(objective.parameters())) == 2
    assert all(key.startswith("student.") for key in objective.state_dict())
    objective.load_state_dict(objective.state_dict())


def test_its_state_restores_averages():
    objective, student, _ = distilling()
    with torch.no_grad():
        student.weight.add_(1.0)
    objective.after_step()
    state = {key: value.clone() for key, value in objective.state_dict().items()}
    assert set(state) == {
        "student.weight", "student.bias", "averages.ema.weight", "averages.ema.bias",
    }  # fmt: skip
    other, *_ = distilling()
    other.load_state_dict(state)
    assert all(torch.equal(state[key], value) for key, value in other.state_dict().items())
    torch.testing.assert_close(other(LOW).values, objective(LOW).values)
    with pytest.raises(RuntimeError, match="averages.ema.bias"):
        other.load_state_dict({key: value for key, value in state.items() if key != "averages.ema.bias"})
    with pytest.raises(RuntimeError, match="averages.ema.more"):
        other.load_state_dict({**state, "averages.ema.more": torch.zeros(1)})


def test_averages_move_after_a_step_and_their_absence_is_noticed_once_by_name():
    objective, student, _ = distilling()
    before = student.weight.detach().clone()
    optimizer = torch.optim.SGD(objective.parameters(), lr=1.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(4):
            optimizer.zero_grad()
            objective(LOW).total.backward()
            optimizer.step()
    assert [str(one.message) for one in caught] == [
        "the average 'ema' stands still: call objective.after_step() after each optimizer.step()"
    ]
    objective.after_step()
    torch.testing.assert_close(objective.models.averages["ema"].model.weight, (before + student.weight) / 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fresh, student, _ = distilling()
        optimizer = torch.optim.SGD(fresh.parameters(), lr=0.1)
        for _ in range(3):
            fresh(LOW[:2]).total.backward()
            fresh(LOW[2:]).total.backward()  # two micro batches a step
            optimizer.step()
            fresh.after_step()


def test_the_mode_and_the_generators_stay_yours():
    objective, student, teacher = distilling()
    student.eval()
    teacher.train()
    state = torch.get_rng_state()
    objective(LOW).total.backward()
    objective.prove(LOW)
    assert not student.training
    assert not teacher.training
    assert torch.equal(state, torch.get_rng_state())


def test_a_copy_is_its_own():
    objective, student, _ = distilling()
    other = copy.deepcopy(objective)
    torch.testing.assert_close(other(LOW).total, objective(LOW).total)
    with torch.no_grad():
        student.weight.zero_()
    assert other.student.weight.any()
    assert other.graph.forward_passes()[0].network is other.student


def test_it_compiles_accumulates_and_runs_under_autocast_and_checkpointing():
    objective, student, teacher = distilling()
    exact = objective(LOW)
    compiled = torch.compile(objective, backend="eager")(LOW)
    torch.testing.assert_close(compiled.total, exact.total)
    gradient = torch.autograd.grad(exact.total, student.weight)[0]
    for part in LOW.split(1):
        (objective(part).total / len(LOW)).backward()
    torch.testing.assert_close(student.weight.grad, gradient)
    with torch.autocast("cpu", torch.bfloat16):
        rough = objective(LOW)
    torch.testing.assert_close(rough.total.float(), exact.total, rtol=0.05, atol=1e-3)

    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = student

        def forward(self, low):
            return checkpoint(self.body, low, use_reentrant=False)

    wrapped = zerokd.Objective(
        "d",
        terms={"d.o": difference({"prediction": "student.output", "target": "teacher.output"}, weight=0.25)},
        models={"student": Checkpointed(), "teacher": teacher},
    )
    student.zero_grad()
    wrapped(LOW).total.backward()
    torch.testing.assert_close(student.weight.grad, gradient)


def _train_part(rank, folder):
    os.environ |= {"MASTER_ADDR": "127.0.0.1"}
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    objective, student, _ = distilling()
    parallel = nn.parallel.DistributedDataParallel(objective)
    parallel(LOW[2 * rank : 2 * rank + 2]).total.backward()
    if rank == 0:
        torch.save(student.weight.grad, f"{folder}/gradient.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.timeout(120)
def test_two_processes_have_the_gradient_of_one(tmp_path):
    torch.multiprocessing.spawn(_train_part, (str(tmp_path),), nprocs=2)
    objective, student, _ = distilling()
    objective(LOW).total.backward()
    torch.testing.assert_close(torch.load(tmp_path / "gradient.pt", weights_only=True), student.weight.grad)


def problems_of(call):
    with pytest.raises(zerokd.ZerokdError) as caught:
        call()
    return caught.value.problems


def test_a_missing_signal_names_term_port_and_remedy():
    objective, *_ = distilling()
    problem = problems_of(lambda: objective({"image": LOW}))[0]
    assert problem.message == (
        "distillation.output: port 'prediction' reads 'student.output', and the signal 'low' is missing"
    )
    assert "give it in the call, or give the model that computes it" in problem.hints
    assert problem.place.file == __file__


def test_sizes_and_steps_are_checked():
    objective, *_ = distilling()
    (problem,) = problems_of(lambda: objective({"low": LOW, "teacher.output": LOW[:2]}))
    assert "'low' has 4 images and 'teacher.output' has 2" in problem.message
    changing = zerokd.Objective(
        "task",
        terms={
            "task.a": difference(
                {"prediction": "x", "target": "y"}, weight={"use": "linear", "from": 0.5, "to": 1.0, "end": "3 steps"}
            )
        },
        steps=4,
    )
    batch = {"x": torch.ones(1, 2, requires_grad=True), "y": torch.zeros(1, 2)}
    assert [round(changing(batch, step=step).total.item(), 4) for step in range(4)] == [0.5, 0.6667, 0.8333, 1.0]
    (problem,) = problems_of(lambda: changing(batch))
    assert "the call gives no step" in problem.message
    (problem,) = problems_of(lambda: changing(batch, step=4))
    assert "step 4 is not in [0, 3]" in problem.message


def test_every_mistake_is_told_at_once_at_its_line():
    found = problems_of(
        lambda: zerokd.Objective(
            "alpha*task + tusk",
            params={"alpha": 0.5, "beta": "1 - gamma"},
            terms={
                "task.a": zerokd.Term("mze", on={}),
                "task.b": zerokd.Term("mse", on={"predicton": "student.output", "target": "low"}, weight=-1),
                "task.c": zerokd.Term("ssim", window=4, on={"prediction": "student.output", "target": "low"}),
            },
        )
    )
    text = "\n".join(map(str, found))
    for message in (
        "unknown loss 'mze'",
        "did you mean 'mse'?",
        "mse has no port 'predicton'",
        "weight is -1",
        "ssim: window",
        "unknown name 'gamma'",
        "unknown name 'tusk'",
        "did you mean 'task'?",
    ):
        assert message in text
    lines = {problem.place.line for problem in found}
    assert len(lines) >= 4
    assert {problem.place.file for problem in found} == {__file__}


def test_what_is_no_model_and_what_cannot_train():
    term = {"task.a": difference({"prediction": "student.output", "target": "low"})}
    (problem,) = problems_of(lambda: zerokd.Objective("task", terms=term, models={"student": 3}))
    assert "models['student'] is int" in problem.message
    frozen = nn.Conv2d(3, 3, 1).requires_grad_(False)
    (problem,) = problems_of(lambda: zerokd.Objective("task", terms=term, models={"student": frozen}))
    assert "nothing would train" in problem.message
    average = {"student": nn.Conv2d(3, 3, 1), "ema": zerokd.Average("teacher")}
    read = {"task.a": difference({"prediction": "student.output", "target": "ema.output"})}
    (problem,) = problems_of(lambda: zerokd.Objective("task", terms=read, models=average))
    assert "an average follows 'teacher', and no such model is given" in problem.message


def test_values_that_are_not_finite_are_named():
    objective, *_ = distilling()
    result = objective({"low": LOW, "teacher.output": torch.full((4, 3, 8, 8), float("nan"))})
    with pytest.raises(zerokd.NumericError, match="distillation.output is not finite"):
        result.check_finite()
    objective(LOW).check_finite()


def test_proofs_anywhere():
    objective, student, _ = distilling()
    student(LOW).sum().backward()
    gradient = student.weight.grad.clone()
    before = {key: value.clone() for key, value in objective.state_dict().items()}
    evidence = objective.prove(LOW)
    assert {term.label for term in evidence.terms} == {"distillation.output", "consistency.average"}
    assert evidence.as_dict()["images"] == 4
    assert "distillation.output" in str(evidence)
    assert "<table" in evidence._repr_html_()
    assert torch.equal(gradient, student.weight.grad)
    assert all(torch.equal(before[key], value) for key, value in objective.state_dict().items())
    blind = zerokd.Objective(
        "task",
        terms={"task.a": difference({"prediction": "teacher.output", "target": "low"})},
        models={"student": nn.Conv2d(3, 3, 1), "teacher": nn.Conv2d(3, 3, 1)},
    )
    (problem,) = problems_of(lambda: blind.prove(LOW))
    assert "must carry gradient to the student, and teacher.output carries none" in problem.message
