"""A file of torch.export equals PyTorch, passes gradient, and is loaded only where it is trusted."""

import hashlib

import pytest
import torch
from torch import nn
from torch.export import Dim

from tests.models.test_model_file import image
from tests.models.test_torchscript_model import require_same_gradient
from zerokd.errors import WeightsError
from zerokd.exporters.pt2 import Pt2
from zerokd.models.exported_model import ExportedModel
from zerokd.models.nano_dce import NanoDce


@pytest.fixture
def load(tmp_path, monkeypatch):
    path = tmp_path / "teacher.pt2"

    def load(network=None, *, example=(2, 3, 9, 12), dynamic=(), **options):
        if network is not None:
            axes = dict.fromkeys(dynamic, Dim.DYNAMIC)
            program = torch.export.export(network.eval(), (torch.zeros(example),), dynamic_shapes=(axes,), strict=False)
            torch.export.save(program, path)
        monkeypatch.setenv("ZEROKD_TRUSTED_FILES", hashlib.sha256(path.read_bytes()).hexdigest())
        return ExportedModel(file=str(path), **options)

    load.path = path
    return load


class Pair(nn.Module):
    def forward(self, x):
        return -x, x.sqrt()


class Nested(nn.Module):
    def forward(self, x):
        return x, [x, x]


def test_it_reads_what_zerokd_wrote(load):
    student = NanoDce().eval()
    Pt2().write(student, load.path, {})
    model = load()
    assert {*model.outputs()} == {*student.outputs()}
    for shape in ((2, 3, 17, 9), (1, 3, 1, 1)):
        low = image(*shape).requires_grad_()
        expected, actual = student(low), model(low)
        for name, tensor in expected.items():
            torch.testing.assert_close(actual[name], tensor, atol=1e-6, rtol=0)
        require_same_gradient(lambda x: model(x)["enhanced"], lambda x: student(x)["enhanced"], low)


def test_it_reads_a_foreign_network_of_a_fixed_size(load):
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Sigmoid())
    model, low = load(network, example=(1, 3, 9, 12)), image(3, 3, 9, 12).requires_grad_()
    torch.testing.assert_close(model(low)["enhanced"], network(low), atol=1e-6, rtol=0)
    require_same_gradient(lambda x: model(x)["enhanced"], network, low)
    assert not [*model.parameters()]
    with pytest.raises(ValueError, match="takes images of 9x12 pixels, and gets 8x8"):
        model(image(1, 3, 8, 8))


def test_a_tuple_gets_names_and_nested_outputs_are_refused(load):
    low = image(4, 3, 9, 12)
    pair = load(Pair(), dynamic=(0,), outputs=["gain", "enhanced"])(low)
    assert torch.equal(pair["gain"], -low)
    assert torch.equal(pair["enhanced"], low.sqrt())
    with pytest.raises(WeightsError, match="returns output_0, output_1, and none is called enhanced"):
        load(Pair())
    with pytest.raises(WeightsError, match="not a tensor, or a tuple, list or dict of tensors"):
        load(Nested())


def test_it_moves_with_the_tensors(load):
    model = load(nn.Conv2d(3, 3, 1), dynamic=(0, 2, 3)).to("meta")
    assert model(image(2, 3, 5, 5).to("meta"))["enhanced"].device.type == "meta"
    low = image(2, 3, 5, 5)
    assert torch.isfinite(load().to("cpu")(low)["enhanced"]).all()


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b"no model" * 40])
def test_a_damaged_file_is_a_weights_error(load, damage, capfd):
    load(Pair(), outputs=["gain", "enhanced"])
    load.path.write_bytes(damage(load.path.read_bytes()))
    with pytest.raises(WeightsError, match=r"cannot read .*teacher\.pt2") as caught:
        load()
    assert caught.value.exit_code == 3
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_program_that_nobody_trusts_is_not_loaded(load, monkeypatch):
    load.path.write_bytes(b"no model")
    monkeypatch.setenv("ZEROKD_TRUSTED_FILES", "0" * 64)
    with pytest.raises(WeightsError, match="holds a program"):
        ExportedModel(file=str(load.path))
