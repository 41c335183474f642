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
            hint = "load files that `zerokd run` wrote; others go into a recipe as models.<name>.weights"
            raise WeightsError(Problem(f"{str(path)!r} does not say which model it is for", hints=(hint,)))
    load_into(model, state, str(path))
    return model.eval()


def _build(use: str, config: dict[str, object], plugins: Iterable[str | Path], source: str) -> Model:
    catalogue = discover(plugins, strict=True)
    try:
        spec = catalogue.find("models", use).spec
    except RecipeError as fault:
        owner = use.partition(":")[0]
        file = f'zerokd.load(..., plugins=["{owner}.py"])'
        hint = f"its plugin is {owner}: `pip install --upgrade {owner}`, or where it is a single file, {file}"
        raise RecipeError(*(evolve(one, hints=(*one.hints, hint)) for one in fault.problems)) from fault
    try:
        return spec.load()(**config)
    except (TypeError, ValueError) as fault:  # pydantic's among them
        text = f"{use} refuses the configuration that {source!r} holds"
        raise WeightsError(Problem(text, hints=tuple(str(fault).splitlines()))) from fault
