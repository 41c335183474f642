"""The model: its identities, which hold whatever the weights are, and the weights that it ships."""

import pytest
import torch
import zerokd_retinex
from safetensors.torch import load_file
from zerokd_retinex.retinex import Retinex

SIZES = [(1, 1), (1, 9), (7, 1), (2, 2), (31, 17)]


def model(seed=0, scale=1.0, **options):
    """With weights of any size."""
    torch.manual_seed(seed)
    network = Retinex(**options).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= scale
    return network.eval()


def noise(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("width", "channels", "count"), [(4, 1, 445), (4, 3, 519), (8, 1, 1465)])
def test_parameter_count(width, channels, count):
    # (27w + w) + 2 * (9w^2 + w) + channels * (9w + 1), by hand
    assert Retinex(width=width, channels=channels).parameter_count() == count


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("size", SIZES)
def test_outputs_stay_in_their_ranges_at_any_size(channels, scale, size):
    with torch.no_grad():
        low = noise(2, 3, *size)
        retinex = model(scale=scale, channels=channels)
        output = retinex(low)
    assert output.keys() == retinex.outputs().keys()
    for name, signal in retinex.outputs().items():
        assert output[name].shape == low.shape
        assert signal.range[0] - 1e-12 <= output[name].min(), name
        assert output[name].max() <= signal.range[1] + 1e-12, name


@pytest.mark.parametrize("channels", [1, 3])
def test_the_photo_is_reflectance_times_illumination(channels):
    low = noise(2, 3, 9, 8)
    output = model(channels=channels)(low)
    torch.testing.assert_close(output["reflectance"] * output["illumination"], low)


@pytest.mark.parametrize("strength", [0.0, 0.5, 0.8, 1.0])
def test_strength_says_how_much_of_the_illumination_is_divided_away(strength):
    low = noise(2, 3, 9, 8)
    output = model(strength=strength)(low)
    torch.testing.assert_close(output["enhanced"] * output["illumination"] ** strength, low)
    if strength == 0.0:
        assert torch.equal(output["enhanced"], low)
    if strength == 1.0:
        torch.testing.assert_close(output["enhanced"], output["reflectance"])


def test_where_the_illumination_is_1_nothing_changes():
    retinex, low = model(), noise(2, 3, 9, 8)
    with torch.no_grad():
        retinex.leave.weight.zero_()
        retinex.leave.bias.fill_(1e3)
    output = retinex(low)
    assert (output["illumination"] == retinex.outputs()["illumination"].unchanged).all()
    assert torch.equal(output["enhanced"], low)


def test_least_light_by_hand():
    retinex, low = model(floor=0.2, strength=1.0), torch.tensor([0.0, 0.1, 0.5]).double().view(1, 3, 1, 1)
    with torch.no_grad():
        retinex.leave.weight.zero_()
        retinex.leave.bias.fill_(-1e3)
    output = retinex(low)
    assert output["illumination"].flatten().tolist() == pytest.approx([0.6] * 3)  # 0.2 + 0.8 * the greatest colour
    assert output["enhanced"].flatten().tolist() == pytest.approx([0.0, 1 / 6, 5 / 6])


def test_one_illumination_keeps_the_ratios_of_colours_and_three_do_not():
    low = noise(1, 3, 9, 8) + 0.1
    low = low / low.max()
    for channels, keeps in [(1, True), (3, False)]:
        output = model(channels=channels)(low)["enhanced"]
        assert torch.allclose(output[:, 0] / output[:, 1], low[:, 0] / low[:, 1]) == keeps


def test_no_pixel_gets_darker_and_white_and_black_stay():
    low = noise(1, 3, 9, 8)
    low[..., 0, 0], low[..., 1, 1] = 0.0, 1.0
    output = model(seed=3, scale=5.0)(low)["enhanced"]
    assert (output >= low - 1e-12).all()
    assert (output[..., 0, 0] == 0).all()
    assert output[..., 1, 1].tolist() == [[1.0] * 3]


def test_a_step_reaches_every_weight():
    retinex = model()
    retinex(noise(2, 3, 24, 24))["enhanced"].square().mean().backward()
    assert all((parameter.grad != 0).all() for parameter in retinex.parameters())


@pytest.fixture(scope="module")
def shipped():
    retinex = Retinex()
    (folder,) = zerokd_retinex.__path__
    retinex.load_state_dict(load_file(f"{folder}/retinex.safetensors"))
    return retinex.eval()


@pytest.mark.parametrize("level", [0.02, 0.05, 0.1, 0.2])
def test_the_shipped_weights_brighten_what_is_dark(shipped, level):
    assert shipped(torch.full((1, 3, 48, 48), level))["enhanced"].mean() > 2 * level


def test_the_shipped_weights_hardly_touch_what_is_bright(shipped):
    output = shipped(torch.full((1, 3, 48, 48), 0.8))["enhanced"]
    assert output.min() >= 0.8
    assert output.max() < 0.9


def test_the_shipped_illumination_follows_light_and_not_texture(shipped):
    edge = (0.05 + 0.5 * (torch.arange(64) >= 32).float()).expand(1, 3, 64, 64)
    texture = (0.2 * (1 + 0.3 * (torch.arange(64) // 2 % 2 * 2 - 1))).expand(1, 3, 64, 64)  # stripes of two pixels

    def spread(image):
        return image[..., 8:-8, 8:-8].log().std()

    with torch.no_grad():
        assert spread(shipped(texture)["illumination"]) < 0.2 * spread(texture)
        assert spread(shipped(edge)["illumination"]) > 0.5 * spread(edge)
