"""Names are known even where what they stand for is wrong."""

from zerokd.recipe.build.names import RecipeNames

TABLES = {
    "terms": {"task": 3, "other": {"one": {}}},
    "stages": {"a": {"objective": "2*task + x_1"}, "b": 3},
    "models": 3,
}


def test_a_name_is_known_whatever_stands_behind_it():
    names = RecipeNames(TABLES)
    assert set(names.declared("terms")) == {"task", "other"}
    assert set(names.declared("terms", "other")) == {"one"}
    assert names.declared("terms", "task") == names.declared("models", "student") == {}


def test_a_missing_name_is_sure_only_where_its_table_is_understood():
    names = RecipeNames(TABLES)
    assert names.is_complete("terms", "stages", "params")
    assert not names.is_complete("models")
    assert not names.is_complete("data")
    assert not RecipeNames({**TABLES, "parms": {}}).is_complete("params")


def test_the_names_in_equations_are_their_words():
    assert RecipeNames(TABLES).objectives() == ["2*task + x_1"]
    assert RecipeNames(TABLES).names_in_equations() == {"task", "x_1"}


def test_what_no_equation_uses_is_told_unless_it_may_be_meant():
    tables = {"params": {"x_1": 1.0, "task": 2.0}, "terms": {"task": {}, "other": {}}}
    tables["stages"] = {"a": TABLES["stages"]["a"]}
    names = RecipeNames(tables)
    paths = [path for path, _, _ in names.find_unused(tables["params"], tables["terms"], set())]
    assert paths == [("params", "task"), ("terms", "other")]
    assert list(names.find_unused((), tables["terms"], {"other"})) == []
    partial_names = RecipeNames({**tables, "stages": TABLES["stages"]})
    assert list(partial_names.find_unused((), tables["terms"], set())) == []
