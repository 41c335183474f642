"""Names are known even where what they stand for is wrong."""

from zerokd.recipe.build.names import Names

TABLES = {
    "terms": {"task": 3, "other": {"one": {}}},
    "stages": {"a": {"objective": "2*task + x_1"}, "b": 3},
    "models": 3,
}


def test_a_name_is_known_whatever_stands_behind_it():
    names = Names(TABLES)
    assert set(names.within("terms")) == {"task", "other"}
    assert set(names.within("terms", "other")) == {"one"}
    assert names.within("terms", "task") == names.within("models", "student") == {}


def test_a_missing_name_is_sure_only_where_its_table_is_understood():
    names = Names(TABLES)
    assert names.sure("terms", "stages", "params")
    assert not names.sure("models")
    assert not names.sure("data")
    assert not Names({**TABLES, "parms": {}}).sure("params")


def test_the_names_in_equations_are_their_words():
    assert Names(TABLES).objectives() == ["2*task + x_1"]
    assert Names(TABLES).used() == {"task", "x_1"}


def test_what_no_equation_uses_is_told_unless_it_may_be_meant():
    tables = {"params": {"x_1": 1.0, "task": 2.0}, "terms": {"task": {}, "other": {}}}
    tables["stages"] = {"a": TABLES["stages"]["a"]}
    names = Names(tables)
    found = [path for path, _, _ in names.unused(tables["params"], tables["terms"], set())]
    assert found == [("params", "task"), ("terms", "other")]
    assert list(names.unused((), tables["terms"], {"other"})) == []
    partly = Names({**tables, "stages": TABLES["stages"]})
    assert list(partly.unused((), tables["terms"], set())) == []
