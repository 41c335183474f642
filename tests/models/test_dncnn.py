"""DnCNN: the size by hand, an untrained model that changes nothing, and a residual."""

import torch

from zerokd.models.dncnn import DnCnn


def test_size_and_layers():
    model = DnCnn(depth=3, width=4)
    assert [tuple(layer.weight.shape) for layer in model.layers] == [(4, 3, 3, 3), (4, 4, 3, 3), (3, 4, 3, 3)]
    assert sum(parameter.numel() for parameter in model.parameters()) == 112 + 148 + 111
    assert model.gated == ("layers.0", "layers.1")


def test_an_untrained_model_nearly_returns_its_input_and_learns_at_once():
    model, low = DnCnn(depth=2, width=4), torch.rand(2, 3, 6, 5)
    outputs = model(low)
    torch.testing.assert_close(outputs["enhanced"], low, atol=0.05, rtol=0)
    (outputs["enhanced"] - 0.5).square().mean().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_the_noise_is_subtracted_within_the_range_of_images():
    model = DnCnn(depth=2, width=4)
    torch.nn.init.zeros_(model.layers[-1].weight)
    torch.nn.init.constant_(model.layers[-1].bias, 0.25)
    low = torch.tensor([0.1, 0.5, 1.0]).view(1, 3, 1, 1)
    assert model(low)["enhanced"].flatten().tolist() == [0.0, 0.25, 0.75]
