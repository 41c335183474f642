"""Records are walked by type and by value, with the keys that people write."""

from zerokd.recipe.schema.recipe import AdapterConfig, OptimizerConfig, Recipe, WhenConfig
from zerokd.recipe.schema.speed import SpeedConfig
from zerokd.recipe.schema.walk import fields_at_path, fields_by_key, nested_record_types, walk_records


def test_the_fields_of_a_record_are_found_through_mappings_and_unions():
    assert set(fields_at_path(Recipe, ("stages", "any", "optimizer"))) == set(OptimizerConfig.model_fields)
    assert {"use", "weights", "average_of", "decay"} <= set(fields_at_path(Recipe, ("models", "any")))
    assert set(fields_at_path(Recipe, ("terms", "any", "any", "adapt", 0))) == {"use"}
    assert not fields_at_path(Recipe, ("params",))
    assert not fields_at_path(Recipe, ("seed", "deeper"))


def test_fields_have_the_keys_of_a_recipe():
    assert set(fields_by_key(WhenConfig)) == {"from", "until", "every"}


def test_nested_record_types_come_once_at_any_depth():
    types = nested_record_types(Recipe)
    assert types[0] is Recipe
    assert len(types) == len(set(types))
    assert {SpeedConfig, OptimizerConfig, WhenConfig, AdapterConfig} <= set(types)


def test_nested_records_come_with_their_paths():
    when = WhenConfig(begin="1 step")
    value = {"a": (OptimizerConfig(), {"b": when}), "c": 3}
    assert [(path, type(record)) for path, record in walk_records(value)] == [
        (("a", 0), OptimizerConfig),
        (("a", 1, "b"), WhenConfig),
    ]
