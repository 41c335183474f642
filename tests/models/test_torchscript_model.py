"""A TorchScript file equals PyTorch, passes gradient to the image, and is loaded only where it is trusted."""

import hashlib

import pytest
import torch
from torch import Tensor, nn

from tests.models.test_model_file import image
from zerokd.errors import WeightsError
from zerokd.exporters.torchscript import TorchScript
from zerokd.models.nano_dce import NanoDce
from zerokd.models.torchscript_model import TorchScriptModel


class Curve(nn.Module):
    """A foreign network with code of its own."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] > 8:
            return torch.sigmoid(self.conv(x))
        return x


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return -x, x.sqrt()


class Named(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"gain": -x, "enhanced": x.sqrt()}


class Two(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


@pytest.fixture
def load(tmp_path, monkeypatch):
    path = tmp_path / "teacher.pt"

    def load(network=None, **options):
        if network is not None:
            torch.jit.script(network).save(path)
        monkeypatch.setenv("ZEROKD_TRUSTED_FILES", hashlib.sha256(path.read_bytes()).hexdigest())
        return TorchScriptModel(file=str(path), **options)

    load.path = path
    return load


def require_same_gradient(actual, expected, low):
    gradients = [torch.autograd.grad(module(low).square().mean(), low)[0] for module in (actual, expected)]
    assert gradients[0].abs().sum() > 0
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-4)


def test_it_reads_what_zerokd_wrote(load):
    student = NanoDce().eval()
    TorchScript().write(student, load.path, {})
    model = load()
    assert {*model.outputs()} == {"enhanced"}
    for shape in ((2, 3, 17, 9), (1, 3, 1, 1)):
        low = image(*shape).requires_grad_()
        torch.testing.assert_close(model(low)["enhanced"], student(low)["enhanced"], atol=1e-6, rtol=0)
        require_same_gradient(lambda x: model(x)["enhanced"], lambda x: student(x)["enhanced"], low)


def test_it_reads_a_foreign_network_whose_branches_stay(load):
    network = Curve().eval()
    model = load(network)
    for width in (4, 12):
        low = image(2, 3, 5, width).requires_grad_()
        torch.testing.assert_close(model(low)["enhanced"], network(low), atol=1e-6, rtol=0)
        require_same_gradient(lambda x: model(x)["enhanced"], network, low)


def test_repeated_runs_have_the_same_bits(load):
    model, low = load(Curve()), image(2, 3, 9, 12)
    outputs = [model(low)["enhanced"] for _ in range(4)]
    assert all(torch.equal(output, outputs[0]) for output in outputs)


def test_its_parameters_do_not_train(load):
    model, low = load(Curve()), image(1, 3, 9, 12)
    assert not [*model.parameters()]
    assert not model(low)["enhanced"].requires_grad


def test_a_tuple_gets_names_and_a_dict_has_them(load):
    low = image(1, 3, 4, 4)
    pair = load(Pair(), outputs=["gain", "enhanced"])(low)
    assert torch.equal(pair["gain"], -low)
    assert torch.equal(pair["enhanced"], low.sqrt())
    with pytest.raises(WeightsError, match="returns output_0, output_1, and none is called enhanced"):
        load(Pair())
    assert {*load(Named())(low)} == {"enhanced"}
    both = load(Named(), outputs=["enhanced", "gain"])(low)
    assert torch.equal(both["gain"], -low)
    assert torch.equal(both["enhanced"], low.sqrt())


def test_a_program_of_two_inputs_is_refused(load):
    with pytest.raises(WeightsError, match="takes x, y, not the image alone"):
        load(Two())


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b"no model" * 40])
def test_a_damaged_file_is_a_weights_error(load, damage):
    torch.jit.script(Curve()).save(load.path)
    load.path.write_bytes(damage(load.path.read_bytes()))
    with pytest.raises(WeightsError, match=r"cannot read .*teacher\.pt") as caught:
        load()
    assert caught.value.exit_code == 3


def test_weights_alone_are_no_program(load):
    torch.save(Curve().state_dict(), load.path)
    with pytest.raises(WeightsError, match=r"cannot read .*teacher\.pt"):
        load()


def test_a_program_that_nobody_trusts_is_not_loaded(load, monkeypatch):
    """Not even parsed: the file of another program would be reported as damaged."""
    load.path.write_bytes(b"no model")
    monkeypatch.delenv("ZEROKD_TRUSTED_FILES", raising=False)
    with pytest.raises(WeightsError, match="holds a program") as caught:
        TorchScriptModel(file=str(load.path))
    assert f"ZEROKD_TRUSTED_FILES={hashlib.sha256(b'no model').hexdigest()}" in str(caught.value)
