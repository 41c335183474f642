"""The description and provenance in an exported file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from zerokd import Model, __version__
from zerokd.exporters.traced_program import UntraceableError, trace_model
from zerokd.models.auto_exposure import AutoExposure

METADATA_KEYS = ("architecture", "recipe", "seed", "versions", "data", "fallbacks", "cautions")


def describe_model(model: Model, facts: Mapping[str, Any]) -> str:
    """One line with the model, its size, and the recipe that trained it."""
    recipe = "".join(filter(str.isprintable, str(facts.get("recipe", "an unnamed recipe"))))[:80]
    origin = f"{type(model).__name__}, {model.parameter_count()} parameters, trained by {recipe}"
    return f"{origin}; written by zerokd {__version__}"


def build_metadata(model: Model, facts: Mapping[str, Any]) -> dict[str, str]:
    """Metadata for formats that hold it: the description, and JSON with provenance, ``reach`` and ``iterations``.

    ``reach`` is how many pixels to each side an output pixel depends on, null if it may be the whole image: tiles that
    overlap by so many pixels give the same image. ``iterations`` is how often the curve map is applied. ``measures``:
    the model looks at the whole image; ``exposure`` is what auto_exposure then aims at.
    """
    provenance = {key: facts[key] for key in METADATA_KEYS if key in facts}
    provenance |= {"reach": find_receptive_radius(model), "iterations": find_curve_iterations(model)}
    provenance |= {"measures": model.measure is not None}
    if isinstance(model, AutoExposure):
        provenance["exposure"] = model.config.exposure
    return {"description": describe_model(model, facts), "zerokd": json.dumps(provenance, sort_keys=True)}


def find_receptive_radius(model: Model) -> int | None:
    """How many pixels to each side an output pixel depends on; None if it is not known."""
    try:
        program = trace_model(model)
    except UntraceableError:
        return None
    return program.receptive_radii()[program.low]


def find_curve_iterations(model: Model) -> int | None:
    """How often the model applies its ``curve_map``; None if it has no such output."""
    signal = model.outputs().get("curve_map")
    return signal.iterations if signal else None
