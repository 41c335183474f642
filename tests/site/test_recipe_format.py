"""The reference of the recipe names every key that any record of the schema has."""

import inspect

import pytest
from pydantic import BaseModel

from tools.site.recipe_format import TABLE_SCHEMAS, recipe_format_page
from zerokd.plugin.config_keys import list_config_keys
from zerokd.recipe.schema import recipe as schema

TEXT = recipe_format_page()
RECORDS = [
    record
    for _, record in inspect.getmembers(schema, inspect.isclass)
    if issubclass(record, BaseModel)
    and record.__module__ == schema.__name__
    and record not in (schema.ComponentConfig, schema.AdapterConfig)
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_record_is_there_with_all_its_keys(record):
    assert record is schema.Recipe or record in TABLE_SCHEMAS.values()
    title = next((title for title, table in TABLE_SCHEMAS.items() if table is record), "Before the first table")
    section = TEXT.split(f"## {title}\n")[1].split("\n## ")[0]
    other_tables = {"data", "models", "signals", "stages", "terms", "metrics", "observers", "speed", "best"}
    for key in list_config_keys(record):
        if record is not schema.Recipe or key.key not in other_tables:
            assert f"| `{key.key}` |" in section
            assert key.description.replace("|", "\\|") in section
