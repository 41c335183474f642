"""PairLIE: the identities of its outputs, whatever the weights are."""

import pytest
import torch
from zerokd_published.pairlie import PairLie


def noise(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def model(**options):
    torch.manual_seed(0)
    return PairLie(**options).double()


@pytest.mark.parametrize(("width", "count"), [(2, 643), (16, 23239), (64, 341767)])
def test_parameter_count(width, count):
    # three networks of 28w + 3 (9w^2 + w), with 9w o + o for o = 3, 1, 3 outputs: by hand
    assert PairLie(width=width).parameter_count() == 3 * (28 * width + 27 * width**2 + 3 * width) + 63 * width + 7
    assert PairLie(width=width).parameter_count() == count


def test_the_identities_of_its_outputs():
    output = model(strength=0.2)(noise(2, 3, 7, 6))
    light, reflectance = output["illumination"], output["reflectance"]
    torch.testing.assert_close(output["recomposed"], light * reflectance)
    torch.testing.assert_close(output["enhanced"], light**0.2 * reflectance)
    torch.testing.assert_close(light[:, 0], light[:, 2])  # one light for all colours


def test_strength_1_recomposes_and_0_is_the_reflectance():
    low = noise(1, 3, 5, 5)
    for strength, name in ((1.0, "recomposed"), (0.0, "reflectance")):
        output = model(strength=strength)(low)
        torch.testing.assert_close(output["enhanced"], output[name])


def test_light_and_reflectance_see_the_projection_alone():
    network, low = model(), noise(1, 3, 8, 8)
    with torch.no_grad():
        network.project[-1].weight.zero_()
    first, second = network(low), network(noise(1, 3, 8, 8, seed=1))
    for name in first:
        torch.testing.assert_close(first[name], second[name])


def test_the_floor_bounds_the_light():
    network = model(floor=0.25)
    with torch.no_grad():
        network.light[-1].weight.zero_()
        network.light[-1].bias.fill_(-1e3)
    assert (network(noise(1, 3, 4, 4))["illumination"] == 0.25).all()


def test_gated_layers_are_those_before_a_relu():
    network = model()
    modules = dict(network.named_modules())
    for name in network.gated:
        head, index = name.rsplit(".", 1)
        assert isinstance(modules[f"{head}.{int(index) + 1}"], torch.nn.ReLU)
    assert len(network.gated) == 12
