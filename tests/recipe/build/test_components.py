"""A built recipe answers by name."""


def test_models_by_name(build):
    components = build()
    assert components.get_model("student") is components.student
    assert components.get_model("teacher") is components.models["teacher"]
    assert components.get_model("ema") is components.averages["ema"].model


def test_a_term_is_called_by_group_and_name(build):
    assert build().stages[0].terms[1].label == "pretraining.smoothness"
