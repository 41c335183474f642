"""Recipes over recipes: what is merged, where each value stands then, and which chains are refused."""

import os
import tomllib
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recipe.toml.test_positions import SCALARS, TABLES, Renderer, leaves
from zerokd.errors import RecipeError
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.schema.recipe import validate_recipe
from zerokd.recipe.toml.document import MAX_RECIPE_BYTES
from zerokd.recipe.toml.extends import MAX_EXTENDS_CHAIN, read_recipe_document

BASE = """\
name = "base"
run = ["only"]
[params]
alpha = 0.5
beta = 0.25
[data]
use = "dead_leaves"
count = 5
[models.student]
use = "nano_dce"
[models.ema]
average_of = "student"
decay = 0.9
[stages.only]
use = "self_supervised"
objective = "(alpha + beta)*task"
epochs = 3
[terms.task.color]
use = "color_constancy"
weight = 2
[terms.task.exposure]
use = "multi_region_exposure"
dark_target = 0.8
on = { low = "low" }
"""
CHILD = """\
extends = "base.toml"
name = "child"
[params]
alpha = 0.4
[data]
use = "folder"
path = "photos"
[models.ema]
average_of = "student"
[terms.task.color]
weight = 3
[terms.task.exposure]
use = "exposure_control"
on.enhanced = "student.enhanced"
[terms.task.spatial]
use = "spatial_consistency"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder, worked in, that files are written into by name."""
    monkeypatch.chdir(tmp_path)

    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def find_problem(path):
    with pytest.raises(RecipeError) as caught:
        read_recipe_document(path)
    (problem,) = caught.value.problems
    return problem


def test_a_recipe_is_laid_over_what_it_extends(folder):
    folder(base=BASE, child=CHILD)
    assert read_recipe_document("child.toml").tables == {
        "name": "child",
        "run": ["only"],
        "params": {"alpha": 0.4, "beta": 0.25},
        "data": {"use": "folder", "path": "photos"},
        "models": {"student": {"use": "nano_dce"}, "ema": {"average_of": "student"}},
        "stages": {"only": {"use": "self_supervised", "objective": "(alpha + beta)*task", "epochs": 3}},
        "terms": {
            "task": {
                "color": {"use": "color_constancy", "weight": 3},
                "exposure": {"use": "exposure_control", "on": {"enhanced": "student.enhanced"}},
                "spatial": {"use": "spatial_consistency"},
            }
        },
    }


def test_the_order_is_that_of_the_base_then_that_of_the_recipe(folder):
    folder(base="a = 1\n[t.x]\n[t.y]\n[t.z]", child="extends = 'base.toml'\nb = 1\na = 2\n[t.new]\n[t.y]\nuse = 'y'")
    tables = read_recipe_document("child.toml").tables
    assert list(tables) == ["a", "t", "b"]
    assert list(tables["t"]) == ["x", "y", "z", "new"]


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("name",), "child.toml:2:1", "child.toml:2:8"),
        (("run", 0), "base.toml:2:8", "base.toml:2:8"),
        (("params",), "child.toml:3:2", "child.toml:3:2"),
        (("params", "alpha"), "child.toml:4:1", "child.toml:4:9"),
        (("params", "beta"), "base.toml:5:1", "base.toml:5:8"),
        (("models", "student"), "base.toml:9:9", "base.toml:9:9"),
        (("terms", "task", "color", "use"), "base.toml:19:1", "base.toml:19:7"),
        (("terms", "task", "color", "weight"), "child.toml:11:1", "child.toml:11:10"),
        # what was replaced is gone: the nearest place is the table of the recipe itself
        (("data", "count"), "child.toml:5:2", "child.toml:5:2"),
        (("models", "ema", "decay"), "child.toml:8:9", "child.toml:8:9"),
        (("terms", "task", "exposure", "dark_target"), "child.toml:12:13", "child.toml:12:13"),
        (("terms", "task", "exposure", "on", "low"), "child.toml:14:1", "child.toml:14:1"),
        # what nobody has written, and the key that has been used up
        (("terms", "task", "color", "monitor"), "child.toml:10:13", "child.toml:10:13"),
        (("stages", "only", "batch"), "base.toml:14:9", "base.toml:14:9"),
        (("extends",), "child.toml", "child.toml"),
    ],
)
def test_places_name_the_file_of_each_key_and_value(folder, path, key, value):
    folder(base=BASE, child=CHILD)
    document = read_recipe_document("child.toml")
    assert (str(document.key_place(path)), str(document.value_place(path))) == (key, value)


@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [
        ("x = [1, 2]", "x = [3]", [3]),
        ("x = 1", "x = { a = 1 }", {"a": 1}),
        ("x = { a = 1 }", "x = 1", 1),
        ("x = { a = 1 }", "[x]\nb = 2", {"a": 1, "b": 2}),
        ("[x]\na = 1", "x.a = { b = 2 }", {"a": {"b": 2}}),
        ("[[x]]\na = 1\n[[x]]", "[[x]]\nb = 2", [{"b": 2}]),
        ("[x]\na = 1", "[[x]]\nb = 2", [{"b": 2}]),
        ("[x.y]\na = 1", "[x]\nuse = 'z'", {"use": "z"}),
        ("[x]\nuse = 'z'\na = 1", "[x.y]\nuse = 'w'", {"use": "z", "a": 1, "y": {"use": "w"}}),
        ("[x]\na = 1", "[x]", {"a": 1}),
        ("x = { use = 'z', a = 1 }", "x.use = 'z'", {"use": "z"}),
    ],
)
def test_tables_merge_and_all_else_is_replaced(folder, old, new, merged):
    folder(base=old, child=f"extends = 'base.toml'\n{new}")
    document = read_recipe_document("child.toml")
    assert document.tables == {"x": merged}
    known = {path for source in document.sources for path in source.key_offsets}
    assert known >= set(leaves(document.tables))
    for path in known:  # nothing that was replaced has kept its place
        value = document.tables
        for part in path:
            value = value[part]


def test_a_chain_is_laid_from_its_end_and_each_path_counts_from_its_file(folder):
    path = folder(a="extends = 'lib/b.toml'\nx = 1")
    (path / "lib").mkdir()
    (path / "lib/b.toml").write_text("extends = '../c.toml'\nx = 2\ny = 2")
    (path / "c.toml").write_text(f"extends = {str(path / 'lib' / 'd.toml')!r}\nx = 3\ny = 3\nz = 3")
    (path / "lib/d.toml").write_text("x = 4\ny = 4\nz = 4\nw = 4")
    document = read_recipe_document("a.toml")
    assert document.tables == {"x": 1, "y": 2, "z": 3, "w": 4}
    files = [document.value_place((key,)).file for key in "xyzw"]
    assert files == ["a.toml", "lib/b.toml", "lib/../c.toml", str(path / "lib/d.toml")]


def test_settings_lie_over_everything_and_are_blamed_for_themselves(folder):
    folder(base=BASE, child=CHILD)
    document = apply_settings(read_recipe_document("child.toml"), ["params.beta=0.1", "terms.task.new.weight=2"])
    assert document.tables["params"] == {"alpha": 0.4, "beta": 0.1}
    assert str(document.value_place(("params", "beta"))) == "--set params.beta=0.1"
    assert str(document.value_place(("params", "alpha"))) == "child.toml:4:9"
    assert str(document.key_place(("terms", "task", "new"))) == "--set terms.task.new.weight=2"


def test_mistakes_are_told_in_the_file_that_makes_them(folder):
    folder(
        base=BASE.replace("alpha = 0.5", "alpha = true").replace("beta = 0.25", "beta = false"),
        child=CHILD.replace("weight = 3", "weight = -3")
        + "[stages.only]\nuse = 'distillation'\n[stages.only.optimizr]",
    )
    with pytest.raises(RecipeError) as caught:
        validate_recipe(read_recipe_document("child.toml"))
    messages = [str(problem).splitlines()[:3] for problem in caught.value.problems]
    assert [lines[:2] for lines in messages] == [
        ["base.toml:5:8: params.beta: input should be a valid number, got False [wrong-value]", "  5 | beta = false"],
        ["child.toml:17:9: stages.only lacks the key 'objective' [missing-key]", "  17 | [stages.only]"],
        ["child.toml:17:9: stages.only lacks the key 'epochs' [missing-key]", "  17 | [stages.only]"],
        [
            "child.toml:11:10: terms.task.color.weight: input should be greater than or equal to 0, got -3"
            " [wrong-value]",
            "  11 | weight = -3",
        ],
    ]
    assert messages[0][2] == "    |        ^"


def test_a_circle_is_refused_where_it_closes(folder):
    folder(a="extends = 'b.toml'", b="x = 1\nextends = './a.toml'", self="extends = 'self.toml'")
    problem = find_problem("a.toml")
    assert str(problem).splitlines() == [
        "b.toml:2:11: recipes extend one another in a cycle: a.toml -> b.toml -> ./a.toml [extends]",
        "  2 | extends = './a.toml'",
        "    |           ^",
    ]
    assert find_problem("self.toml").message.endswith(": self.toml -> self.toml")


def test_a_circle_through_a_link_is_seen(folder):
    os.symlink("a.toml", folder(a="extends = 'link.toml'") / "link.toml")
    assert find_problem("a.toml").message.endswith("cycle: a.toml -> link.toml")


def test_a_chain_as_long_as_allowed_is_read_and_a_longer_one_is_not(folder):
    texts = {f"r{number}": f"extends = 'r{number + 1}.toml'\nx{number} = 1" for number in range(MAX_EXTENDS_CHAIN)}
    folder(**texts, **{f"r{MAX_EXTENDS_CHAIN}": "x = 1"})
    assert len(read_recipe_document("r1.toml").tables) == MAX_EXTENDS_CHAIN
    problem = find_problem("r0.toml")
    assert str(problem.place) == f"r{MAX_EXTENDS_CHAIN - 1}.toml:1:11"
    assert problem.message == f"more than {MAX_EXTENDS_CHAIN} recipes extend one another"
    assert problem.hints[0].startswith("the chain is r0.toml -> r1.toml -> ")


@pytest.mark.parametrize(
    ("text", "place"), [("extends = 3", "child.toml:1:11"), ("x = 1\n[extends]\na = 1", "child.toml:2:2")]
)
def test_extends_is_one_path_in_quotes(folder, text, place):
    folder(child=text)
    problem = find_problem("child.toml")
    assert str(problem.place) == place
    assert problem.message == "extends must be the name or path of a recipe, in quotes"
    folder(child="extends = ['base.toml']")
    assert find_problem("child.toml").message == problem.message


@pytest.mark.parametrize(
    ("name", "data", "messages"),
    [
        ("papr.toml", b"", ["papr.toml: there is no such file [unreadable-recipe]", "  did you mean 'paper.toml'?"]),
        ("no/x.toml", b"", ["no/x.toml: there is no folder 'no' [unreadable-recipe]"]),
        ("", b"", [": this is a folder, not a recipe [unreadable-recipe]"]),
        ("a\\u0000b", b"", ["a\0b: the file cannot be read: embedded null byte [unreadable-recipe]"]),
        (
            "paper.toml",
            b"x = 1\r\ny = mse",
            ["paper.toml:2:5: not valid TOML: Invalid value [invalid-toml]", "  2 | y = mse"],
        ),
        ("paper.toml", b"\xef\xbb\xbfx = '\xff'", ["paper.toml:1:6: byte 0xff is not UTF-8 [unreadable-recipe]"]),
        (
            "paper.toml",
            b"#" * (MAX_RECIPE_BYTES + 1),
            ["paper.toml: the file is larger than 256 KiB [unreadable-recipe]"],
        ),
    ],
)
def test_a_base_that_cannot_be_used_is_told_at_both_places(folder, name, data, messages):
    (folder(child=f'x = 1\nextends = "{name}"') / "paper.toml").write_bytes(data)
    problem = find_problem("child.toml")
    assert str(problem.place) == "child.toml:2:11"
    assert problem.message.startswith("cannot extend ")
    assert list(problem.hints[: len(messages)]) == messages


def test_every_file_may_have_its_own_line_ends_and_byte_order_mark(folder):
    path = folder(child="extends = 'base.toml'\ny = 2")
    (path / "base.toml").write_bytes(b"\xef\xbb\xbfx = 1\r\nz = 'a'\r\n")
    document = read_recipe_document("child.toml")
    assert document.tables == {"x": 1, "z": "a", "y": 2}
    assert [str(document.value_place((key,))) for key in "xyz"] == ["base.toml:1:5", "child.toml:2:5", "base.toml:2:5"]


WORDS = st.sampled_from(["a", "b", "use", "average_of", "é.'\"\n"])
ALIKE = st.dictionaries(
    WORDS,
    st.recursive(
        SCALARS,
        lambda inner: st.one_of(st.dictionaries(WORDS, inner, max_size=4), st.lists(inner, max_size=2)),
        max_leaves=20,
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(TABLES, ALIKE), st.one_of(TABLES, ALIKE), st.integers(0, 2**32))
def test_every_leaf_of_any_two_files_stands_where_its_place_says(tmp_path_factory, old, new, seed):
    folder = tmp_path_factory.mktemp("merged", numbered=True)
    given = {"base": old, "child": new}
    rendered = {}
    for name, data in given.items():
        data.pop("extends", None)
        renderer = Renderer(Random(seed))
        renderer.root(data)
        first = 'extends = "base.toml"\n' if name == "child" else ""
        (folder / f"{name}.toml").write_text(first + renderer.text, encoding="utf-8", newline="")
        rendered[name] = renderer.written
    document = read_recipe_document(folder / "child.toml")
    covering = {path for path in paths(new) if covers(old, new, path)}
    expected = {path: ("child", value) for path, value in leaves(new).items()} | {
        path: ("base", value)
        for path, value in leaves(old).items()
        if not any(path[:length] in covering for length in range(1, len(path) + 1))
    }
    assert leaves(document.tables) == {path: value for path, (_, value) in expected.items()}
    for path, (name, value) in expected.items():
        place = document.value_place(path)
        assert place.file == str(folder / f"{name}.toml")
        lines = (folder / f"{name}.toml").read_bytes().decode().split("\n")
        assert lines[place.line - 1] == place.text
        rest = "\n".join(lines[place.line - 1 :])[place.column - 1 :]
        assert rest.startswith(rendered[name][path])
        assert tomllib.loads(f"x = {rendered[name][path]}")["x"] == value


def paths(table, at=()):
    for key, value in table.items():
        yield (*at, key)
        if isinstance(value, dict):
            yield from paths(value, (*at, key))


def covers(old, new, path):
    """Whether what the recipe has at a path of its own leaves nothing of what its base has there."""
    for part in path:
        old, new = old.get(part) if isinstance(old, dict) else None, new[part]
    return not (isinstance(old, dict) and isinstance(new, dict)) or "use" in new or "average_of" in new
