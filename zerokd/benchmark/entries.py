"""The rows of a benchmark: baselines, students, and recipes with a student for each seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from zerokd.errors import OutputError, Problem, RecipeError
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.global_state import preserve_global_state
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.document import Document
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run.launch import run_recipe
from zerokd.run.progress import Progress
from zerokd.student.evaluate.methods import Method, build_baselines, choose_unused_name, load_method

RUNS_FOLDER, RESULTS_FILE = "runs", "benchmark.json"  # in the benchmark's folder


@frozen(eq=False)
class BenchmarkEntry:
    """A row: ``methods`` are the students of a recipe, one for each of its ``seeds``; otherwise there is one method."""

    name: str
    methods: tuple[Method, ...]
    seeds: tuple[int, ...] = ()


@frozen(eq=False)
class PlannedTraining:
    """A recipe that is checked, as one document for each seed."""

    name: str
    seeds: tuple[int, ...]
    documents: tuple[Document, ...]


def plan_trainings(
    recipes: Iterable[str], seeds: Sequence[int], catalogue: Catalogue, **changes: Any
) -> list[PlannedTraining]:
    """Read and check all recipes.

    Args:
        recipes: paths of TOML files, or names of shipped recipes.
        changes: of every recipe, the keywords of :func:`zerokd.recipe.build.overrides.apply_options`.

    Raises:
        RecipeError: recipes are invalid, with the problems of all, or two have one name.
    """
    plans: dict[str, PlannedTraining] = {}
    problems: list[Problem] = []
    for recipe in recipes:
        try:
            document = read_recipe_document(recipe)
            documents = tuple(apply_options(document, **changes, seed=seed) for seed in seeds)
            name = check_recipe(documents[0], catalogue)[1].name
        except RecipeError as error:
            problems += error.problems
            continue
        if name in plans:
            hint = "give each recipe a `name` of its own"
            problems.append(Problem(f"two recipes have the name {name!r}", hints=(hint,)))
        plans[name] = PlannedTraining(name, tuple(seeds), documents)
    if problems:
        raise RecipeError(*problems)
    return list(plans.values())


def prepare_folder(out: Path) -> None:
    """Create the folder of a benchmark, or use that of an earlier call.

    Raises:
        OutputError: it cannot be used, or holds something else.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        names = {entry.name for entry in out.iterdir()}
    except OSError as error:
        raise OutputError(f"cannot use {str(out)!r}: {error.strerror or error}") from error
    if names and not names & {RUNS_FOLDER, RESULTS_FILE}:
        hint = "choose another --out; nothing in it was changed"
        raise OutputError(Problem(f"{str(out)!r} holds something else than a benchmark", hints=(hint,)))


def train_entry(
    plan: PlannedTraining,
    out: Path,
    catalogue: Catalogue,
    device: str,
    progress: Progress,
    announce: Callable[[str], None],
    taken_names: Iterable[str] = (),
) -> BenchmarkEntry:
    """Train a recipe with each of its seeds, or resume what an earlier call left in ``out``; finished runs stay.

    The entry has the recipe's name, or a similar one that is not taken. Random generators and torch's settings are as
    before afterwards: a recipe's are none of the next recipe's, nor of the measurement's.

    Raises:
        ZerokdError: see :func:`zerokd.run.launch.run_recipe`; also if a recipe differs from that of an earlier call.
    """
    methods, name = [], choose_unused_name(plan.name, taken_names)
    for seed, document in zip(plan.seeds, plan.documents, strict=True):
        announce(f"training {plan.name}, seed {seed}")
        folder = out / RUNS_FOLDER / f"{plan.name}-seed{seed}"
        with preserve_global_state():
            run_recipe(document, catalogue, device, folder, True, progress)
            methods.append(evolve(load_method(str(folder), catalogue), name=f"{name} seed {seed}"))
    return BenchmarkEntry(name, tuple(methods), plan.seeds)


def load_entries(students: Iterable[str], catalogue: Catalogue) -> list[BenchmarkEntry]:
    """The baselines, then the students by the names, files or folders that ``zerokd evaluate --student`` takes.

    Raises:
        WeightsError, RecipeError: a student cannot be used.
    """
    entries = [BenchmarkEntry(method.name, (method,)) for method in build_baselines()]
    for student in students:
        method = load_method(student, catalogue, [entry.name for entry in entries])
        entries.append(BenchmarkEntry(method.name, (method,)))
    return entries
