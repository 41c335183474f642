"""RUAS: the warm start and the unrolled steps, by hand."""

import pytest
import torch
from zerokd_published.ruas_like import RuasLike, _greatest_near


def noise(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def model(**options):
    torch.manual_seed(0)
    return RuasLike(**options).double()


@pytest.mark.parametrize(("stages", "width", "count"), [(3, 6, 999), (1, 1, 58), (2, 4, 446)])
def test_parameter_count(stages, width, count):
    # stages * (28w + 27w + 3), by hand
    assert RuasLike(stages=stages, width=width).parameter_count() == stages * (55 * width + 3) == count


def test_the_warm_start_by_hand():
    image = torch.tensor([[[[1.0, 5.0, 2.0], [4.0, 3.0, 0.0]]]])
    assert _greatest_near(image).tolist() == [[[[5.0, 5.0, 2.0], [4.0, 3.0, 0.0]]]]


def test_the_warm_start_against_a_loop():
    image = noise(2, 3, 5, 4)
    result = _greatest_near(image)
    for i in range(5):
        for j in range(4):
            assert torch.equal(result[..., i, j], image[..., i : i + 2, j : j + 2].amax((2, 3)))


def set_cell(cell, scale, bias):
    """The cell becomes ``scale`` times its input plus ``bias``, for inputs of at least 0."""
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        for channel in range(3):
            cell[0].weight[channel, channel, 1, 1] = 1.0
            cell[2].weight[channel, channel, 1, 1] = scale
        cell[2].bias.fill_(bias)


def test_two_steps_by_hand():
    network = model(stages=2, width=3)
    set_cell(network.cells[0], 0.0, 0.0)  # t = 1/2
    set_cell(network.cells[1], 2.0, -1.0)
    output = network(torch.full((1, 3, 4, 4), 0.25, dtype=torch.float64))
    start = 0.5 - (0.5 - 0.25) / 2  # u = 0.25 / 0.5
    light = torch.tensor(2 * start - 1, dtype=torch.float64).sigmoid().item()
    assert output["illumination"].flatten().tolist() == pytest.approx([light] * 48)
    assert output["enhanced"].flatten().tolist() == pytest.approx([0.25 / light] * 48)


def test_the_image_is_enhanced_times_light_where_nothing_is_clipped():
    low = 0.2 * noise(2, 3, 6, 6)
    output = model()(low)
    unclipped = output["enhanced"] < 1
    assert unclipped.any()
    torch.testing.assert_close((output["enhanced"] * output["illumination"])[unclipped], low[unclipped])


def test_the_floor_bounds_the_light():
    network = model(stages=1, width=3, floor=0.25)
    set_cell(network.cells[0], 0.0, -1e3)
    assert (network(noise(1, 3, 4, 4))["illumination"] == 0.25).all()


def test_every_step_has_weights_of_its_own_that_train():
    network = model()
    network(0.2 * noise(2, 3, 8, 8))["illumination"].square().sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in network.parameters())
