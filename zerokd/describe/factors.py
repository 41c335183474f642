"""What an aggregator multiplied the gradients of a run's terms by, read from the run's log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from attrs import frozen

from zerokd.errors import Problem, RunFolderError
from zerokd.recipe.toml.shipped import list_shipped_recipes
from zerokd.run.folder import RunFolder
from zerokd.training.log_records import read_log_lines


@frozen
class FactorHistory:
    """The factors of a term over the steps of a run that computed it."""

    first: float
    last: float
    least: float
    greatest: float


RunFactors = Mapping[str, Mapping[str, FactorHistory]]  # by stage and label
NO_FACTORS: Mapping[str, FactorHistory] = MappingProxyType({})
NO_RUN_FACTORS: RunFactors = MappingProxyType({})


def open_recipe_or_run(subject: str) -> tuple[str | Path, RunFactors]:
    """The recipe that ``subject`` names, or that of a run folder with the factors of the run. The name of a shipped
    recipe means that one, also where a folder has it.

    Raises:
        RunFolderError: a folder that is no run, or whose log is damaged.
    """
    path = Path(subject)
    if not path.is_dir() or subject in list_shipped_recipes():
        return subject, NO_RUN_FACTORS
    folder = RunFolder(path)
    if not folder.recipe.exists():
        hint = "give a recipe, or a folder that `zerokd run` created"
        raise RunFolderError(Problem(f"{subject!r} is not a run folder: it has no {folder.recipe.name}", hints=(hint,)))
    return folder.recipe, read_factors(folder.metrics) if folder.metrics.exists() else NO_RUN_FACTORS


def read_factors(path: Path) -> RunFactors:
    """The factors in a metrics file, also of a run that is not over.

    Raises:
        RunFolderError: the file is damaged.
    """
    factors: dict[str, dict[str, list[float]]] = {}
    for line in read_log_lines(path, lambda: None):
        for label, numbers in line["terms"].items() if line["kind"] == "step" else ():
            if numbers.get("factor") is not None:
                factors.setdefault(line["stage"], {}).setdefault(label, []).append(numbers["factor"])
    return {stage: {label: _summarize(values) for label, values in terms.items()} for stage, terms in factors.items()}


def _summarize(values: list[float]) -> FactorHistory:
    return FactorHistory(values[0], values[-1], min(values), max(values))
