"""What an exported file says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from zerokd import Model, __version__
from zerokd.exporters.traced_program import UntraceableError, trace_model

METADATA_KEYS = ("architecture", "recipe", "seed", "versions", "data", "fallbacks", "cautions")


def describe_model(model: Model, facts: Mapping[str, Any]) -> str:
    """One line: what it is, and the recipe that trained it."""
    recipe = "".join(one for one in str(facts.get("recipe", "an unnamed recipe")) if one.isprintable())[:80]
    what = f"{type(model).__name__}, {model.parameter_count()} parameters, trained by {recipe}"
    return f"{what}; written by zerokd {__version__}"


def build_metadata(model: Model, facts: Mapping[str, Any]) -> dict[str, str]:
    """The same, for formats that have room for it, with JSON: provenance, ``reach``, and the curve's ``iterations``.

    ``reach`` is how many pixels to each side an output pixel sees, null where it may be the whole image: an
    image may be computed in tiles that overlap by so much.
    """
    kept = {key: facts[key] for key in METADATA_KEYS if key in facts}
    kept |= {"reach": find_receptive_radius(model), "iterations": find_curve_iterations(model)}
    return {"description": describe_model(model, facts), "zerokd": json.dumps(kept, sort_keys=True)}


def find_receptive_radius(model: Model) -> int | None:
    """How many pixels to each side an output pixel sees; None where that is not known."""
    try:
        program = trace_model(model)
    except UntraceableError:
        return None
    return program.receptive_radii()[program.low]


def find_curve_iterations(model: Model) -> int | None:
    """How often the model applies its curve map, if it has one of that name."""
    signal = model.outputs().get("curve_map")
    return signal.iterations if signal else None
