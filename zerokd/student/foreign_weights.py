"""Weights of another program, for a model that zerokd knows: ``MODEL:FILE``."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from zerokd.errors import RecipeError
from zerokd.files.weights import encode_weights, expand_weights_path, load_model_state, read_weights
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.contracts import Model
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.recipe.build.pretrained import BUNDLED
from zerokd.student.stored import store_student


def split_location(location: str, catalogue: Catalogue) -> tuple[str, str] | None:
    """The model and the file of ``MODEL:FILE``; None if no model has that name."""
    use, _, file = location.rpartition(":")
    is_model = use and any(entry.matches_name(use) for entry in catalogue.for_kind("models"))
    return (use, file) if is_model else None


def load_foreign_weights(use: str, file: str, catalogue: Catalogue) -> tuple[Path, Model]:
    """The path of the weights, and the model with its default config and these weights, in eval mode.

    Raises:
        WeightsError: the file cannot be used.
        RecipeError: the model has no bundled weights.
    """
    entry = catalogue.find("models", use)
    if file == BUNDLED:
        package, _, name = (entry.spec.bundled or "").partition(":")
        if not package:
            raise RecipeError(f"model {use!r} has no bundled weights: give a file, {use}:FILE")
        path = Path(str(files(package).joinpath(name)))
    else:
        path = expand_weights_path(file)
    with attribute_errors(f"model {entry.spec.name!r} of {entry.provider}"):
        model: Any = entry.spec.load()()
    load_model_state(model, read_weights(path)[0], str(path))
    return path, model.eval()


def convert_foreign_weights(
    location: str, plugins: Iterable[str | Path] = (), catalogue: Catalogue | None = None
) -> Path | None:
    """A student's file with the weights of ``MODEL:FILE``, in the cache.

    Returns None if no model has that name.

    Raises:
        WeightsError, RecipeError: as :func:`load_foreign_weights`; or a plugin is broken.
    """
    catalogue = catalogue or discover_plugins(plugins, strict=True)
    parts = split_location(location, catalogue)
    if parts is None:
        return None
    use, file = parts
    source, model = load_foreign_weights(use, file, catalogue)
    architecture = {"use": catalogue.find("models", use).qualified_name, "config": model.config.model_dump()}
    facts = {"architecture": architecture, "source": source.name}
    return store_student(encode_weights(model.state_dict(), facts))
