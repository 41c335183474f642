"""Keys and values on one line read back as they were."""

import tomllib

import pytest
from hypothesis import given, settings

from tests.recipe.toml.test_positions import TABLES, TEXTS, VALUES
from zerokd.recipe.toml.format import format_toml_header, format_toml_key, format_toml_value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (0.5, "0.5"),
        (True, "true"),
        ('a "b"\n', r'"a \"b\"\n"'),
        ((0.5, 1.5), "[0.5, 1.5]"),
        ({}, "{}"),
        ([], "[]"),
        ({"student": "low", "a b": [{"use": "gap"}]}, '{ student = "low", "a b" = [{ use = "gap" }] }'),
    ],
)
def test_values_are_written_as_people_write_them(value, text):
    assert format_toml_value(value) == text


def test_a_header_names_tables_and_no_index():
    assert format_toml_header(("terms", "task", "a b", "adapt", 0)) == 'terms.task."a b".adapt'


@settings(max_examples=100, deadline=None)
@given(TEXTS, VALUES, TABLES)
def test_any_pair_is_one_line_and_reads_back(key, value, table):
    for item in (value, table):
        line = f"{format_toml_key(key)} = {format_toml_value(item)}"
        assert "\n" not in line
        assert tomllib.loads(line) == {key: item}
