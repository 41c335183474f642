"""Models are built from the seed, frozen or trained, and averages start as copies."""

import torch


def test_only_the_student_can_learn(build):
    components = build()
    assert all(parameter.requires_grad for parameter in components.student.parameters())
    for owner in ("teacher", "ema"):
        network = components.network(owner)
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())


def test_an_average_is_a_copy_and_not_the_student_itself(build):
    components = build()
    kept, own = components.averages["ema"].model.state_dict(), components.student.state_dict()
    assert all(torch.equal(kept[key], own[key]) for key in own)
    assert all(kept[key].data_ptr() != own[key].data_ptr() for key in own)


def test_equal_seeds_give_equal_models(build):
    one, other = build("seed=3").student.state_dict(), build("seed=3").student.state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)
