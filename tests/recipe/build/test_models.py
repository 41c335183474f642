"""Models are built from the seed, frozen or trained, and averages start as copies."""

import torch


def test_only_the_student_can_learn(build):
    components = build()
    assert all(parameter.requires_grad for parameter in components.student.parameters())
    for owner in ("teacher", "ema"):
        model = components.get_model(owner)
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())


def test_an_average_is_a_copy_and_not_the_student_itself(build):
    components = build()
    average, student = components.averages["ema"].model.state_dict(), components.student.state_dict()
    assert all(torch.equal(average[key], student[key]) for key in student)
    assert all(average[key].data_ptr() != student[key].data_ptr() for key in student)


def test_equal_seeds_give_equal_models(build):
    first, second = build("seed=3").student.state_dict(), build("seed=3").student.state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
