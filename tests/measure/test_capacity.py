"""Dead channels and idle parameters, on a model whose answer is known by hand and on the released student."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import zerokd
from zerokd.errors import PluginError
from zerokd.files.weights import load_model_state, read_weights
from zerokd.measure.capacity import MAX_TESTED_PARAMETERS, measure_capacity
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp
from zerokd.run.plan import prepare_run


class Tiny(zerokd.Model):
    """Three channels: the first follows red, the second never opens, the third is open above red 0.5. The sum of the
    first and third is the picture; ``head``'s bias is too small to show."""

    gated = ("body",)

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 3, 1)
        self.head = nn.Conv2d(3, 3, 1)
        with torch.no_grad():
            self.body.weight.zero_()
            self.body.weight[:, 0, 0, 0] = torch.tensor([1.0, 1.0, 1.0])
            self.body.bias.copy_(torch.tensor([0.0, -2.0, -0.5]))
            self.head.weight.zero_()
            self.head.weight[:, :, 0, 0] = torch.tensor([0.5, 0.25, 0.5])
            self.head.bias.copy_(torch.tensor([0.4 / 255, 0.4 / 255, 0.6 / 255]))

    def forward(self, low):
        return {"enhanced": self.head(torch.relu_(self.body(low)))}


@pytest.fixture
def ramp():
    """Red takes 0.05, 0.15, ... 0.95; green and blue are 0.5."""
    images = torch.full((2, 3, 5, 10), 0.5)
    images[:, 0] = torch.arange(0.05, 1, 0.1)
    return images


def test_open_shares_dead_channels_and_idle_parameters_by_hand(ramp):
    capacity = measure_capacity(Tiny(), ramp)
    assert capacity.open_shares == {"body": pytest.approx((1.0, 0.0, 0.5))}
    assert capacity.dead_channels == ("body[1]",)
    # the zeros of body.weight; all of the dead channel but the bias that closes it; biases below half a level
    zeros = {f"body.weight[{out},{channel},0,0]" for out in range(3) for channel in (1, 2)}
    dead = {"body.weight[1,0,0,0]", *(f"head.weight[{out},1,0,0]" for out in range(3))}
    assert set(capacity.idle_parameters) == zeros | dead | {"body.bias[0]", "head.bias[0]", "head.bias[1]"}
    assert len(capacity.idle_parameters) == len(set(capacity.idle_parameters))
    assert (capacity.parameter_count, capacity.images, capacity.skip_reason) == (24, 2, "")


def test_two_that_stand_in_for_each_other_are_both_idle(ramp):
    model, either = Tiny(), {"body.bias[1]", "body.weight[1,1,0,0]"}
    with torch.no_grad():
        model.body.weight[1, 1, 0, 0] = -4.0  # on green 0.5 it closes the channel as the bias -2 does
    assert either <= set(measure_capacity(model, ramp).idle_parameters)
    with torch.no_grad():
        model.body.bias[1] = 0.0
    assert either - set(measure_capacity(model, ramp).idle_parameters) == {"body.weight[1,1,0,0]"}


def test_a_change_on_the_last_image_alone_counts(ramp):
    assert "body.weight[0,0,0,0]" in measure_capacity(Tiny(), ramp * 0).idle_parameters
    assert "body.weight[0,0,0,0]" not in measure_capacity(Tiny(), torch.cat([ramp * 0, ramp[:1]])).idle_parameters


def test_nothing_of_the_model_or_the_generator_changes(ramp):
    model = NanoDce()
    model.e_conv2.eval()
    modes = [module.training for module in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    addresses = [parameter.data_ptr() for parameter in model.parameters()]
    state = torch.get_rng_state()
    measure_capacity(model, ramp)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert addresses == [parameter.data_ptr() for parameter in model.parameters()]
    assert modes == [module.training for module in model.modules()]
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_an_interruption_leaves_the_model_as_it_was(ramp, monkeypatch):
    model, calls = Tiny().train(), iter(range(30))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    forward = Tiny.forward

    def interrupted(self, low):
        if next(calls) == 11:
            raise KeyboardInterrupt
        return forward(self, low)

    monkeypatch.setattr(Tiny, "forward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure_capacity(model, ramp)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert isinstance(model.body.weight, nn.Parameter)
    assert model.training
    assert not model.body._forward_hooks


def test_a_large_model_says_that_its_parameters_are_not_tried():
    capacity = measure_capacity(ZeroDcePp(), torch.rand(1, 3, 8, 8))
    assert sum(map(len, capacity.open_shares.values())) == 6 * 32
    assert capacity.as_json()["parameters"] == {"count": 10561, "not_tried": capacity.skip_reason}
    assert f"10561 parameters are too many to test one by one (at most {MAX_TESTED_PARAMETERS})" in capacity.skip_reason


@pytest.mark.parametrize(
    ("gated", "message"),
    [
        (("bodi",), "Tiny declares the gated layer 'bodi': no such layer [plugin-failed]\n  did you mean 'body'?"),
        ("body", "Tiny.gated must be a tuple of layer names, got 'body'"),
        (("body", "spare"), "Tiny declares the gated layer 'spare', which it never runs"),
    ],
)
def test_a_wrong_declaration_is_the_models_fault(ramp, monkeypatch, gated, message):
    monkeypatch.setattr(Tiny, "gated", gated)
    model = Tiny()
    model.spare = nn.Conv2d(3, 3, 1)
    with pytest.raises(PluginError) as caught:
        measure_capacity(model, ramp)
    assert message in str(caught.value)


def test_it_is_refused_before_the_first_step(build, monkeypatch):
    monkeypatch.setattr(NanoDce, "gated", ("e_conv9",))
    with pytest.raises(PluginError, match="NanoDce declares the gated layer 'e_conv9': no such layer"):
        prepare_run(build(), torch.device("cpu"))


@pytest.mark.real
@pytest.mark.parametrize(
    ("photos", "matter", "first_dead"),
    [("photos/lime", 76, ()), ("photos/dicm", 76, ()), ("pairs/low", 68, ("e_conv1[0]", "e_conv1[1]", "e_conv1[2]"))],
)
def test_the_released_student_uses_half_of_itself(real, photos, matter, first_dead):
    """76 of 161 parameters, as is known of it. Eight dark photos of LOL never open three more
    channels, which leaves 68; all sixty give 76 again."""
    model = NanoDce()
    file = real("weights/nano_dce_released.pth")
    load_model_state(model, read_weights(file)[0], str(file))
    capacity = measure_capacity(model, _small(sorted(real(f"data/{photos}").iterdir())[:8]))
    assert 161 - len(capacity.idle_parameters) == matter
    assert capacity.dead_channels == (*first_dead, "e_conv2[0]", "e_conv2[1]")


def _small(files):
    images = [np.asarray(Image.open(file).convert("RGB").resize((96, 96), Image.Resampling.BOX)) for file in files]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
