"""A built recipe answers by name."""


def test_networks_by_name(build):
    components = build()
    assert components.network("student") is components.student
    assert components.network("teacher") is components.models["teacher"]
    assert components.network("ema") is components.averages["ema"].model


def test_a_term_is_called_by_group_and_name(build):
    assert build().phases[0].terms[1].label == "pretraining.smoothness"
