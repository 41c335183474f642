"""A trained model from its file, built as the file says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from zerokd.errors import Problem, RecipeError, WeightsError
from zerokd.files.weights import load_model_state, read_weights
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.contracts import Model
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.location import resolve_student_file


@frozen(eq=False)
class TrainedModel:
    """A model in eval mode on the CPU, where it came from, and what its file says of it."""

    model: Model
    source: str
    facts: dict[str, Any]


def load_model(path: str | Path, plugins: Iterable[str | Path] = ()) -> Model:
    """The network in a file that a run left: ``(N, 3, H, W)`` in [0, 1] to its outputs by name.

    ``"bundled"`` is the student that ships in the package. ``plugins`` are one-file plugins, as ``--plugin`` has them.

    Raises:
        WeightsError: the file is damaged, does not say what it holds, or holds something else.
        RecipeError: its model's plugin is not installed, or one of ``plugins`` is broken.
    """
    return load_trained_model(path, discover_plugins(plugins, strict=True)).model


def load_trained_model(path: str | Path, catalogue: Catalogue) -> TrainedModel:
    """The same, with what the file says of it.

    Raises:
        WeightsError, RecipeError: as :func:`load_model`.
    """
    file = resolve_student_file(path)
    state, facts = read_weights(file)
    match facts.get("architecture"):
        case {"use": str(use), "config": dict(config)}:
            model = _build_model(use, config, catalogue, str(path))
        case _:
            hint = "load files that `zerokd run` wrote; others go into a recipe as models.<name>.weights"
            raise WeightsError(Problem(f"{str(path)!r} does not say which model it is for", hints=(hint,)))
    load_model_state(model, state, str(path))
    return TrainedModel(model.eval(), str(file), facts)


def _build_model(use: str, config: dict[str, object], catalogue: Catalogue, source: str) -> Model:
    try:
        spec = catalogue.find("models", use).spec
    except RecipeError as error:
        owner = use.partition(":")[0]
        file = f'zerokd.load(..., plugins=["{owner}.py"])'
        hint = f"its plugin is {owner}: `pip install --upgrade {owner}`, or where it is a single file, {file}"
        raise RecipeError(*(evolve(problem, hints=(*problem.hints, hint)) for problem in error.problems)) from error
    try:
        return spec.load()(**config)
    except (TypeError, ValueError) as error:  # pydantic's among them
        text = f"{use} refuses the configuration that {source!r} holds"
        raise WeightsError(Problem(text, hints=tuple(str(error).splitlines()))) from error
