"""Inputs fit the ports that they are made for."""

import torch

import zerokd
from zerokd.testing.inputs import as_leaf_tensors, make_port_tensors, noise, scale_to_port_range, values_and_gradients


class Two(zerokd.Loss):
    ports = {
        "a": zerokd.Port("of a range", (2.0, 4.0), grad=True, channels=5),
        "b": zerokd.Port("of any range"),
    }

    def min_size(self):
        return 6

    def forward(self, *, a, b):
        return a.mean(dim=(1, 2, 3)) * b.mean(dim=(1, 2, 3))


def test_range_channels_size_and_type():
    output = make_port_tensors(Two(), dtype=torch.float64)
    assert output["a"].shape == (3, 5, 6, 6)
    assert output["b"].shape == (3, 3, 6, 6)
    assert 2 <= output["a"].min() <= output["a"].max() <= 4
    assert -1 <= output["b"].min() < 0 < output["b"].max() <= 1
    assert output["a"].dtype == torch.float64


def test_noise_repeats_by_seed():
    assert torch.equal(noise((4,), 1), noise((4,), 1))
    assert not torch.equal(noise((4,), 1), noise((4,), 2))


def test_placed_moves_the_unit_interval():
    ends = scale_to_port_range(torch.tensor([0.0, 0.5, 1.0]), zerokd.Port("x", (-2.0, 6.0)))
    assert ends.tolist() == [-2.0, 2.0, 6.0]


def test_only_ports_that_ask_are_leaves():
    ports = as_leaf_tensors(Two(), make_port_tensors(Two()))
    assert (ports["a"].requires_grad, ports["b"].requires_grad) == (True, False)
    _, result = values_and_gradients(Two(), ports)
    assert set(result) == {"a"}
    assert result["a"].shape == (3, 5, 6, 6)
