"""What pydantic says is told at the path of the recipe, without its own notes."""

from pydantic import ValidationError

from zerokd.recipe.schema.recipe import WhenConfig
from zerokd.recipe.schema.validation import location_to_path, translate_validation_error
from zerokd.recipe.toml.document import parse_document


def test_a_path_has_no_notes_of_pydantic():
    assert location_to_path(("models", "student", "<network>", "use")) == ("models", "student", "use")
    assert location_to_path(("terms", "task", "[key]")) == ("terms", "task")


def test_problems_are_told_below_the_path_of_their_table():
    document = parse_document("[terms.a.b.when]\nevry = '2 steps'\nuntil = true\n", "x.toml")
    try:
        WhenConfig.model_validate(document.tables["terms"]["a"]["b"]["when"])
    except ValidationError as error:
        problems = list(translate_validation_error(error, document, ("terms", "a", "b", "when"), WhenConfig))
    assert [(str(problem.place), problem.message) for problem in problems] == [
        ("x.toml:3:9", "terms.a.b.when.until: input should be a valid string, got True"),
        ("x.toml:2:1", "unknown key 'terms.a.b.when.evry'"),
    ]
    assert "did you mean 'every'?" in problems[1].hints
