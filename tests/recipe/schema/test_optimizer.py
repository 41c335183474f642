"""The optimizer of a stage, as a recipe describes it."""

import pytest
from pydantic import ValidationError

from zerokd.recipe.schema.component import ScheduleConfig
from zerokd.recipe.schema.optimizer import OptimizerConfig, ParameterGroupConfig

SCHEDULE = {"use": "one_cycle", "peak": 0.1}


def messages(**table):
    with pytest.raises(ValidationError) as caught:
        OptimizerConfig(**table)
    return {error["loc"][0]: error["msg"] for error in caught.value.errors()}


def test_a_table_without_use_is_adam_with_a_cosine_and_clipping():
    table = OptimizerConfig(learning_rate=0.5, weight_decay=0.25)
    assert (table.use, table.options) == ("adam", {"weight_decay": 0.25})
    assert (table.final_learning_rate, table.clip_norm, table.groups) == (1e-7, 0.1, ())


def test_a_schedule_needs_no_final_rate_and_takes_none():
    table = OptimizerConfig(learning_rate=SCHEDULE)
    assert table.learning_rate == ScheduleConfig(**SCHEDULE)
    assert table.final_learning_rate is None
    refused = messages(learning_rate=SCHEDULE, final_learning_rate=1e-4)
    assert "which has its own last value" in refused["final_learning_rate"]


@pytest.mark.parametrize("rate", [0.5, SCHEDULE])
def test_a_table_written_with_all_defaults_reads_as_the_same(rate):
    table = OptimizerConfig(learning_rate=rate, momentum=0.9, groups=[{"match": "*.bias"}])
    assert OptimizerConfig(**table.model_dump(mode="json", exclude_none=True)) == table


def test_clipping_is_a_positive_number_or_off():
    assert OptimizerConfig(clip_norm="off").clip_norm == "off"
    assert "greater than 0" in messages(clip_norm=0.0)["clip_norm"]
    assert "'off'" in messages(clip_norm="none")["clip_norm"]
    assert "valid number" in messages(clip_norm=True)["clip_norm"]


def test_a_group_changes_the_rate_or_the_decay_of_a_pattern():
    group = ParameterGroupConfig(match="*.bias", weight_decay=0.0)
    assert (group.learning_rate_factor, group.weight_decay) == (1.0, 0.0)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        ParameterGroupConfig(match="*", learning_rate_factor=-1.0)
    with pytest.raises(ValidationError, match="at least 1 character"):
        ParameterGroupConfig(match="")
