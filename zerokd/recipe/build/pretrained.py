"""Loads the weights that a recipe names: none, those bundled with the plugin, or a file."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import cast

from zerokd.errors import Problem, RecipeError
from zerokd.files.digest import file_sha256
from zerokd.files.weights import expand_weights_path, load_model_state, read_weights
from zerokd.plugin.contracts import Model
from zerokd.plugin.kinds import Spec
from zerokd.recipe.build.components import WeightsRecord

BUNDLED = "bundled"


def install_weights(model: Model, weights: str | None, spec: Spec, seed: int) -> WeightsRecord:
    """Load ``weights`` into a model; returns their source and SHA-256 for the manifest.

    Raises:
        WeightsError: the file cannot be read or does not fit.
        RecipeError: ``weights`` is ``"bundled"``, and the plugin ships none, or the model has read a file of its own.
    """
    if model.sources:
        if weights is not None:
            text = f"model {spec.name!r} has read its own file, {model.sources.get('weights', '')!r}"
            raise RecipeError(Problem(text, hints=("remove weights",), code="weights-unusable"))
        return cast(WeightsRecord, dict(model.sources))
    if weights is None:
        return {"weights": f"random, seed {seed}"}
    if weights != BUNDLED:
        path = expand_weights_path(weights)
        load_model_state(model, read_weights(path)[0], str(path))
        return {"weights": str(path), "sha256": file_sha256(path)}
    bundled = getattr(spec, "bundled", None)
    if bundled is None:
        raise RecipeError(
            Problem(f"model {spec.name!r} ships no weights", hints=("give a path instead",), code="weights-unusable")
        )
    package, _, name = bundled.partition(":")
    with as_file(files(package) / name) as path:
        load_model_state(model, read_weights(path)[0], bundled)
        return {"weights": f"bundled {name}", "sha256": file_sha256(path)}
