"""What trains, moves, is stored and is copied."""

import copy
import os
import warnings

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import zerokd
from tests.objective.by_hand import LOW, difference, distilling


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
    with pytest.raises(RuntimeError, match=r"averages\.ema\.bias"):
        other.load_state_dict({key: value for key, value in state.items() if key != "averages.ema.bias"})
    with pytest.raises(RuntimeError, match=r"averages\.ema\.more"):
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
