"""What pydantic says is told at the path of the recipe, without its own notes."""

from pydantic import ValidationError

from zerokd.recipe.schema.recipe import OptimizerConfig
from zerokd.recipe.schema.validation import location_to_path, translate_validation_error
from zerokd.recipe.toml.document import parse_document


def test_a_path_has_no_notes_of_pydantic():
    assert location_to_path(("models", "student", "<network>", "use")) == ("models", "student", "use")
    assert location_to_path(("terms", "task", "[key]")) == ("terms", "task")


def test_problems_are_told_below_the_path_of_their_table():
    document = parse_document("[stages.a.optimizer]\nlearning_rat = 1.0\nclip_norm = true\n", "x.toml")
    try:
        OptimizerConfig.model_validate(document.tables["stages"]["a"]["optimizer"])
    except ValidationError as error:
        problems = list(translate_validation_error(error, document, ("stages", "a", "optimizer"), OptimizerConfig))
    assert [(str(problem.place), problem.message) for problem in problems] == [
        ("x.toml:3:13", "stages.a.optimizer.clip_norm: input should be a valid number, got True"),
        ("x.toml:2:1", "unknown key 'stages.a.optimizer.learning_rat'"),
    ]
    assert "did you mean 'learning_rate'?" in problems[1].hints
