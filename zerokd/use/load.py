"""A trained student from its file, in one call."""

from __future__ import annotations

from pathlib import Path

from zerokd.errors import Problem, WeightsError
from zerokd.plugin.contracts import Model
from zerokd.plugin.host import discover
from zerokd.weights import load_into, read_weights


def load(path: str | Path) -> Model:
    """The student that a run left: built as its file says, weights loaded, in eval mode, on the CPU.

    ``load("student.safetensors")(low)["enhanced"]`` maps (N, 3, H, W) in [0, 1] to the same shape and range.

    Raises:
        WeightsError: the file is damaged, does not say what it holds, or holds something else.
        RecipeError: its model's plugin is not installed.
    """
    state, facts = read_weights(Path(path))
    architecture = facts.get("architecture")
    if not isinstance(architecture, dict):
        hint = "load files that `zerokd run` wrote; others go into a recipe as models.<name>.weights"
        raise WeightsError(Problem(f"{str(path)!r} does not say which model it is for", hints=(hint,)))
    model = discover().find("models", architecture["use"]).spec.load()(**architecture["config"])
    load_into(model, state, str(path))
    return model.eval()
