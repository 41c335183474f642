"""Tables that name a component, and numbers that may follow a schedule."""

from pydantic import TypeAdapter

from zerokd.recipe.schema.component import (
    ComponentConfig,
    DerivedParamConfig,
    ParamConfig,
    ScheduleConfig,
    WeightConfig,
)


def test_keys_beside_use_are_the_config_of_the_component():
    assert ComponentConfig(use="ssim", window=7).options == {"window": 7}


def test_a_weight_is_a_number_or_a_schedule_and_a_param_also_an_expression():
    weight, param = TypeAdapter(WeightConfig), TypeAdapter(ParamConfig)
    assert weight.validate_python(0.5) == 0.5
    schedule = weight.validate_python({"use": "linear", "to": 1.0})
    assert isinstance(schedule, ScheduleConfig)
    assert schedule.options == {"to": 1.0}
    assert param.validate_python({"equals": "1 - alpha"}) == DerivedParamConfig(equals="1 - alpha")
