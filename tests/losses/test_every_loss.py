"""What every built-in loss promises, checked on inputs made from its declared ports."""

import inspect
import math

import pytest
import torch

from zerokd.plugin.host import discover

SPECS = {entry.spec.name: entry.spec for entry in discover().of("losses") if entry.provider.builtin}
MINIMAL = {"vgg_perceptual": {"weights": "random"}}  # the options without which a loss wants the network
AVERAGED = "mse feature_matching contrastive exposure_control multi_region_exposure"
UNCHANGED_BY_CHANNELS = f"{AVERAGED} total_variation spatial_consistency ssim"
UNCHANGED_BY_TILING = f"{AVERAGED} color_constancy saturation"  # the others look across the seam
every_loss = pytest.mark.parametrize("name", SPECS)


def build(name):
    return SPECS[name].load()(**MINIMAL.get(name, {}))


def tensors(loss, count=3, height=None, width=None, dtype=torch.float32, make=None, seed=0):
    """A tensor for every port: ``make`` gets uniform noise in [0, 1), the result is moved to the port's range."""
    least = max(loss.min_size(), 4)
    shape = (count, 3, height or least, width or least)
    generator, made = torch.Generator().manual_seed(seed), {}
    for name, port in loss.ports.items():
        noise = torch.rand(shape, dtype=torch.float64, generator=generator)
        low, high = port.range or (-1.0, 1.0)
        made[name] = (low + (high - low) * (make(noise) if make else noise)).to(dtype)
    return made


def with_gradient(loss, ports):
    return {name: value.requires_grad_(loss.ports[name].grad) for name, value in ports.items()}


@every_loss
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_value_per_image_in_the_inputs_precision(name, count, dtype):
    loss = build(name).to(dtype)
    value = loss(**tensors(loss, count, dtype=dtype))
    assert value.shape == (count,)
    assert value.dtype == dtype


@every_loss
def test_an_images_value_does_not_depend_on_its_batch(name):
    loss = build(name).double()
    ports = tensors(loss, 3, dtype=torch.float64)
    value = loss(**ports)
    order = torch.tensor([2, 0, 1, 0])
    torch.testing.assert_close(loss(**{port: tensor[order] for port, tensor in ports.items()}), value[order])
    alone = torch.cat([loss(**{port: tensor[i : i + 1] for port, tensor in ports.items()}) for i in range(3)])
    torch.testing.assert_close(alone, value)


PICTURES = {
    "black": torch.zeros_like,
    "white": torch.ones_like,
    "grey": lambda noise: torch.full_like(noise, 0.3),
    "one colour": lambda noise: noise[:, :, :1, :1].expand_as(noise),
    "nearly black": lambda noise: noise**20,
    "nearly white": lambda noise: noise**0.05,
    "black and white": torch.round,
    "one bright pixel": lambda noise: (noise == noise.amax(dim=(1, 2, 3), keepdim=True)).double(),
    "denormal": lambda noise: noise * 1e-40,
}


@every_loss
@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("same", [True, False])
def test_value_and_gradient_are_finite_on_extremes(name, picture, same):
    """``same``: all ports hold this picture; otherwise all but those with gradient hold noise."""
    loss = build(name)
    extreme, noise = tensors(loss, make=PICTURES[picture]), tensors(loss)
    ports = {port: extreme[port] if same or declared.grad else noise[port] for port, declared in loss.ports.items()}
    ports = with_gradient(loss, ports)
    value = loss(**ports)
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert all(torch.isfinite(tensor.grad).all() for tensor in ports.values() if tensor.requires_grad)


@every_loss
@pytest.mark.parametrize(("more_height", "more_width"), [(0, 0), (0, 1), (1, 0), (3, 8), (17, 2)])
def test_any_size_from_the_least_on(name, more_height, more_width):
    loss = build(name)
    least = loss.min_size()
    value = loss(**tensors(loss, 2, least + more_height, least + more_width))
    assert value.shape == (2,)
    assert torch.isfinite(value).all()


@every_loss
def test_gradient_reaches_every_port_that_promises_it(name):
    loss = build(name)
    ports = with_gradient(loss, tensors(loss))
    assert any(port.grad for port in loss.ports.values())
    loss(**ports).sum().backward()
    for port, declared in loss.ports.items():
        if declared.grad:
            assert (ports[port].grad.abs().amax(dim=(1, 2, 3)) > 0).all(), port


@every_loss
def test_gradient_is_the_slope(name):
    loss = build(name).double()
    ports = with_gradient(loss, tensors(loss, 1, dtype=torch.float64))
    leaves = [port for port in ports if ports[port].requires_grad]

    def value(*given):
        return loss(**ports | dict(zip(leaves, given, strict=True)))

    assert torch.autograd.gradcheck(value, [ports[port] for port in leaves], atol=1e-8, fast_mode=True)


@every_loss
def test_it_computes_where_its_inputs_are(name):
    loss = build(name).to("meta")  # any tensor made on the CPU would be refused beside these
    value = loss(**{port: tensor.to("meta") for port, tensor in tensors(loss).items()})
    assert (value.device.type, value.shape) == ("meta", (3,))


@every_loss
def test_inputs_are_left_alone(name):
    loss = build(name)
    ports = tensors(loss)
    before = {port: tensor.clone() for port, tensor in ports.items()}
    loss(**ports)
    assert all(torch.equal(ports[port], before[port]) for port in ports)


@every_loss
@pytest.mark.parametrize("picture", PICTURES)
def test_values_lie_within_the_bounds(name, picture):
    loss = build(name)
    least, most = loss.bounds
    for ports in (tensors(loss, make=PICTURES[picture]), tensors(loss), tensors(loss, make=torch.round)):
        mixed = tensors(loss, make=PICTURES[picture]) | dict(list(ports.items())[:1])
        value = loss(**mixed)
        assert least - 1e-6 <= value.min()
        assert value.max() <= most + 1e-6


@pytest.mark.parametrize("name", UNCHANGED_BY_CHANNELS.split())
def test_more_channels_of_the_same_change_nothing(name):
    loss = build(name).double()
    ports = tensors(loss, dtype=torch.float64)
    repeated = {port: tensor.repeat(1, 2, 1, 1) for port, tensor in ports.items()}
    torch.testing.assert_close(loss(**repeated), loss(**ports))


@pytest.mark.parametrize("name", UNCHANGED_BY_TILING.split())
def test_more_pixels_of_the_same_change_nothing(name):
    loss = build(name).double()
    ports = tensors(loss, height=2 * loss.min_size(), width=3 * loss.min_size(), dtype=torch.float64)
    tiled = {port: tensor.repeat(1, 1, 2, 3) for port, tensor in ports.items()}
    torch.testing.assert_close(loss(**tiled), loss(**ports))


@every_loss
def test_names_agree(name):
    loss = SPECS[name].load()
    assert SPECS[name].target == f"zerokd.losses.{name}:{name.title().replace('_', '')}"
    assert callable(getattr(inspect.getmodule(loss), name))
    assert loss.__final__


@every_loss
def test_the_docstring_has_every_part(name):
    text = inspect.getdoc(SPECS[name].load())
    parts = ["Formula:", "Returns:", "Scale:", "Source:", "Pitfalls:", "Example:", ">>> "]
    places = [text.find(part) for part in parts]
    assert text.startswith("Rewards ")
    assert -1 not in places
    assert places == sorted(places)
    returns = text[places[1] : places[2]]
    assert "(N,)" in returns
    assert "exactly" in returns


@every_loss
def test_every_option_and_port_is_described(name):
    loss = SPECS[name].load()
    assert all(field.description for field in loss.Config.model_fields.values())
    assert all(port.about for port in loss.ports.values())
    assert all(port.like in (None, *loss.ports) for port in loss.ports.values())
    signature = inspect.signature(loss.forward).parameters
    assert [p for p in signature if p != "self"] == list(loss.ports)
    assert all(one.kind is one.KEYWORD_ONLY for port, one in signature.items() if port != "self")


@every_loss
def test_bounds_are_an_interval(name):
    least, most = SPECS[name].load().bounds
    assert 0.0 <= least < most <= math.inf
