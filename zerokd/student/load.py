"""Load a trained model from its file, which describes how to build it."""

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
    """A model in eval mode on the CPU, the path of its file, and the description in that file."""

    model: Model
    source: str
    facts: dict[str, Any]


def load_model(path: str | Path, plugins: Iterable[str | Path] = ()) -> Model:
    """The network in a student's file: it maps (N, 3, H, W) in [0, 1] to its outputs by name.

    Args:
        path: of a file that ``zerokd run`` wrote, or of its run folder; ``"best"``, ``"fidelity"`` or ``"teacher"``, in
            the package; or ``"MODEL:FILE"``, other weights of a known model.
        plugins: one-file plugins, as for ``--plugin``.

    Raises:
        WeightsError: the file is damaged, does not describe its model, or holds something else.
        RecipeError: the plugin of the model is not installed, or one of ``plugins`` is broken.
    """
    return load_trained_model(path, discover_plugins(plugins, strict=True)).model


def load_trained_model(path: str | Path, catalogue: Catalogue) -> TrainedModel:
    """As :func:`load_model`, with the description in the file.

    Raises:
        WeightsError, RecipeError: as :func:`load_model`.
    """
    file = resolve_student_file(path, catalogue=catalogue)
    state, facts = read_weights(file)
    match facts.get("architecture"):
        case {"use": str(use), "config": dict(config)}:
            model = _build_model(use, config, catalogue, str(path))
        case _:
            hint = "load files that `zerokd run` wrote; others go into a recipe as models.<name>.weights"
            raise WeightsError(Problem(f"{str(path)!r} does not describe its model", hints=(hint,)))
    load_model_state(model, state, str(path))
    return TrainedModel(model.eval(), str(file), facts)


def _build_model(use: str, config: dict[str, object], catalogue: Catalogue, source: str) -> Model:
    try:
        spec = catalogue.find("models", use).spec
    except RecipeError as error:
        owner = use.partition(":")[0]
        file = f'zerokd.load(..., plugins=["{owner}.py"])'
        hint = f"its plugin is {owner}: `pip install --upgrade {owner}`, or for a one-file plugin, {file}"
        problems = (evolve(problem, hints=(*problem.hints, hint)) for problem in error.problems)
        raise error.with_problems(*problems) from error
    try:
        return spec.load()(**config)
    except (TypeError, ValueError) as error:  # pydantic's errors are ValueErrors
        text = f"{use} rejects the configuration in {source!r}"
        raise WeightsError(Problem(text, hints=tuple(str(error).splitlines()))) from error
