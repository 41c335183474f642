"""A trained student from its file, in one call."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from attrs import evolve

from zerokd.errors import Problem, RecipeError, WeightsError
from zerokd.plugin.contracts import Model
from zerokd.plugin.host import discover
from zerokd.weights import load_into, read_weights, weights_path


def load(path: str | Path, plugins: Iterable[str | Path] = ()) -> Model:
    """The student that a run left: built as its file says, weights loaded, in eval mode, on the CPU.

    ``load("student.safetensors")(low)["enhanced"]`` maps (N, 3, H, W) in [0, 1] to the same shape and range.
    ``plugins`` are one-file plugins, as ``--plugin`` names them.

    Raises:
        WeightsError: the file is damaged, does not say what it holds, or holds something else.
        RecipeError: its model's plugin is not installed, or one of ``plugins`` is broken.
    """
    state, facts = read_weights(weights_path(path))
    match facts.get("architecture"):
        case {"use": str(use), "config": dict(config)}:
            model = _build(use, config, plugins, str(path))
        case _:
            remedies = f'`pip install --upgrade {owner}`, or zerokd.load(..., plugins=["{owner}.py"]) where it is a file'
        hint = f"the model is of plugin {owner!r}: {remedies}"
        raise RecipeError(*(evolve(one, hints=(*one.hints, hint)) for one in fault.problems)) from fault
    try:
        return spec.load()(**config)
    except (TypeError, ValueError) as fault:  # pydantic's among them
        text = f"{use} refuses the configuration that {source!r} holds"
        raise WeightsError(Problem(text, hints=tuple(str(fault).splitlines()))) from fault
