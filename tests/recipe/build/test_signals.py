"""Signals of a recipe: read at their place, and refused with a remedy."""

import pytest

from tests.conftest import RECIPES
from zerokd.errors import RecipeError
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.document import parse_document

TEXT = (RECIPES / "two_views.toml").read_text().replace("count = 48", "count = 4").replace("size  = 96", "size  = 16")
VIEW = 'use   = "random_gamma"\nrange = [0.5, 2.0]\n'
UNREAD = '[signals.unread]\nuse = "flip"\n\n[signals.other]'
READ = '"student(other).enhanced"'


def check(old="", new=""):
    assert old in TEXT
    return check_recipe(parse_document(TEXT.replace(old, new, 1), "mine.toml"), discover_plugins())[1]


def problems(old, new):
    with pytest.raises(RecipeError) as caught:
        check(old, new)
    return caught.value.problems


def test_a_stage_has_the_views_and_tensors_that_its_terms_read():
    (stage,) = check().stages
    assert [*stage.views] == ["other"]
    assert stage.data_signals == ("low",)
    assert stage.fixed_inputs == ("low", "low_2", "reference")


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        (
            READ,
            '"student(othr).enhanced"',
            "reads 'student(othr).enhanced': othr: no such input",
            "did you mean 'other'",
        ),
        (READ, '"student(other"', "'student(other' names no signal: a bracket is not closed", "MODEL(SIGNAL).OUTPUT"),
        (READ, '"student(other)"', "reads 'student(other)': it names no output", "write student(other).enhanced"),
        (READ, '"othr(low)"', "no signal of this recipe is called 'othr'", "did you mean 'other'"),
        (READ, '"student(other).parameters"', "do not depend on what it runs on", "write student.parameters"),
        ("[signals.other]", UNREAD, "no term reads signals.unread", "bind a port to it"),
        (VIEW, f'{VIEW}on = "lov"\n', "signals.other reads 'lov': no such input", "did you mean 'low'"),
        (VIEW, f'{VIEW}on = "other"\n', "in a circle: other -> other", ""),
        ("[signals.other]", "[signals.student]", "'student' names a model and a signal", "rename the signal"),
    ],
)
def test_a_mistake_is_reported_with_a_remedy(old, new, message, hint):
    found = problems(old, new)
    matching = [problem for problem in found if message in problem.message]
    assert matching, found
    assert hint in " ".join(matching[0].hints)
    assert matching[0].place.file == "mine.toml"
    assert matching[0].place.line


def test_the_column_of_a_syntax_error_is_that_of_the_character():
    (problem,) = [p for p in problems(READ, '"student(other"') if "names no signal" in p.message]
    line = TEXT.replace(READ, '"student(other"', 1).splitlines()[problem.place.line - 1]
    assert line[: problem.place.column - 1].endswith('"student(other')


def test_a_view_of_a_model_that_the_stage_may_not_read_is_refused():
    teacher = '[models.teacher]\nuse = "zero_dce_pp"\n\n'
    text = TEXT.replace("[signals.other]", f"{teacher}[signals.other]").replace(
        VIEW, f'{VIEW}on = "teacher.enhanced"\n'
    )
    with pytest.raises(RecipeError, match="stage 'pretrain' may not read 'teacher'"):
        check_recipe(parse_document(text, "mine.toml"), discover_plugins())
