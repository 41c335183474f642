"""A run from end to end: prove every stage, train them in order, leave a run folder that explains itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from zerokd.errors import Problem, RecipeError, RunFolderError
from zerokd.objective.evidence import Evidence, evidence
from zerokd.objective.graph import out_of_range
from zerokd.objective.objective import Objective
from zerokd.objective.probe import probe
from zerokd.plugin.blame import blame
from zerokd.recipe.components import TRAINED, Components, Phase
from zerokd.run.batches import batches, check_data, generator, split, to_float
from zerokd.run.capacity import Capacity, capacity
from zerokd.run.checkpoint import remove
from zerokd.run.failure import kept_in
from zerokd.run.folder import RunFolder
from zerokd.run.guard import Guard
from zerokd.run.keeper import Keeper
from zerokd.run.manifest import manifest
from zerokd.run.metrics import Metrics, open_metrics
from zerokd.run.pictures import draw_curves, draw_samples
from zerokd.run.progress import Progress
from zerokd.run.resume import FRESH, Resumed
from zerokd.run.runner import train
from zerokd.run.stop import stoppable
from zerokd.run.training import Training
from zerokd.weights import sha256, write_weights

PROBED = 3  # images that every term is tried on before the first step, beside one of noise
SAMPLES = 4  # images a sample picture shows
SURVEYED = 8  # images that the student's capacity is measured on
MEASURED = 32  # images that fidelity is measured on, a few at a time


@frozen(eq=False)
class Plan:
    """A run that may start: every term of every stage has been seen to train the student."""

    components: Components
    objectives: tuple[Objective, ...]
    evidences: tuple[Evidence, ...]
    training: list[int]
    held_out: list[int]
    device: torch.device

    def images(self, count: int) -> Tensor:
        """Images to show and to measure on: held-out ones, or training ones where none are held out."""
        indices = (self.held_out or self.training)[:count]
        return to_float([self.components.data[index] for index in indices], self.device)

    def survey(self, not_tried: str = "", count: int = SURVEYED) -> Capacity:
        """How much of the student is in use, on such images."""
        images = self.images(count)
        with blame(f"model {TRAINED!r}"):
            return capacity(self.components.student, images, not_tried)


def choose_device(name: str) -> torch.device:
    """The device of that name.

    Raises:
        RecipeError: there is no such device here.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as fault:
        first = str(fault).splitlines()[0]
        raise RecipeError(
            Problem(f"device {name!r} cannot be used: {first}", hints=("leave --device out for cpu",))
        ) from None
    return device


def prepare(components: Components, device: torch.device) -> Plan:
    """Pin what decides a run's bits, move everything to the device, and probe all stages.

    Raises:
        ZerokdError: with the problems of all stages.
    """
    torch.set_num_threads(components.threads)
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    # the default pays a pass over every new tensor so that reading one unwritten repeats; none is read here
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    for owner in (*components.models, *components.averages):
        network = components.network(owner).to(device)
        network.to(memory_format=torch.channels_last)  # depthwise layers run 1.6 times as fast
    data = components.data
    check_data(data, components.origins["data"]["use"])
    training, held_out = split(data, data.config.held_out)
    objectives: list[Objective] = []
    evidences: list[Evidence] = []
    problems: list[Problem] = []
    for phase in components.phases:
        try:
            sample = _sample(phase, components, training, device)
            objectives.append(probe(phase, components, sample))
            evidences.append(evidence(phase, components, objectives[-1], sample))
        except RecipeError as error:
            problems += error.problems
    if problems:
        raise RecipeError(*dict.fromkeys(problems))
    plan = Plan(components, tuple(objectives), tuple(evidences), training, held_out, device)
    plan.survey("nothing is trained yet", 1)  # a student that cannot be measured is refused now
    return plan


def _sample(phase: Phase, components: Components, training: list[int], device: torch.device) -> Tensor:
    """A stage's first images, augmented, and noise: black photos alone would give every curve a gradient of 0."""
    low = next(batches(components.data, training, phase, components.seed, device)).low[:PROBED]
    outside = out_of_range(low, (0.0, 1.0))
    if outside:
        raise RecipeError(Problem(f"stage {phase.name!r}: the augmented input {outside}", phase.place))
    noise = torch.rand(low[:1].shape, generator=generator(components.seed, "probe"))
    return torch.cat([low, noise.to(device)])


def execute(
    plan: Plan,
    folder: RunFolder,
    tables: dict[str, Any],
    record: dict[str, Any],
    progress: Progress,
    resumed: Resumed = FRESH,
) -> None:
    """Train every stage, from where a run that goes on stands, and write the run folder; ``record`` is its account.

    Raises:
        NumericError: training stopped at a value that is not finite.
        StoppedError: the run was asked to stop.
        RunFolderError: the folder could not be written.
    """
    record["resumed"] = list(resumed.history)
    guard = Guard(plan.components.skip)
    with _writing(folder), stoppable() as stop:
        keeper = Keeper(folder.checkpoints, plan.components.checkpoint_seconds, stop, guard, resumed.checkpoint)
        folder.write_recipe(tables)
        folder.write_manifest(record)
        with open_metrics(folder.metrics, keeper.metrics_length) as file:
            for phase, objective, about in zip(plan.components.phases, plan.objectives, record["stages"], strict=True):
                if phase.name in keeper.done:
                    about["capacity"] = keeper.done[phase.name]
                    continue
                with (
                    progress.stage(phase) as watch,
                    Metrics(phase, objective, file, (progress.warn, watch)) as metrics,
                    blame(f"stage {phase.name!r}", OSError),
                    kept_in(folder.failure, plan.components.student, provenance(record)),
                ):
                    training = Training(phase, objective, plan.components)
                    keeper.begin(training, metrics)
                    after_step = partial(keeper.after_step, training, metrics)
                    train(training, plan.components, plan.training, metrics, plan.device, guard, after_step)
                    keeper.keep(training, metrics)
                low = plan.images(SAMPLES)
                draw_samples(folder.sample(phase.name), {"low": low, **enhanced(plan, low)})
                about["capacity"] = keeper.done[phase.name] = plan.survey(
                    "they are tried at the end of the run"
                ).as_json()
                progress.surveyed(phase.name, about["capacity"])
        finish(plan, folder, record, keeper, progress)


def account(plan: Plan) -> dict[str, Any]:
    """What a run says of itself before its first step."""
    record = manifest(plan.components, plan.objectives, (plan.training, plan.held_out), plan.device, sys.argv[1:])
    for about, measured in zip(record["stages"], plan.evidences, strict=True):
        about["probe"] = measured.as_json()
    return record


def finish(plan: Plan, folder: RunFolder, record: dict[str, Any], keeper: Keeper, progress: Progress) -> None:
    """Write the student and what it is worth; then the checkpoints have served."""
    student = plan.components.student
    write_weights(folder.student, student.state_dict(), provenance(record))
    draw_curves(folder.curves, folder.metrics, plan.components.phases[-1].equation.text)
    record["result"] = {
        "seconds": round(keeper.seconds, 1),
        "skipped_steps": keeper.guard.skipped,
        "student": {"sha256": sha256(folder.student), "parameters": student.parameter_count()},
        "fidelity": {"measured_on": "held-out" if plan.held_out else "training", **fidelity(plan)},
        "capacity": plan.survey().as_json(),
    }
    folder.write_manifest(record)
    remove(folder.checkpoints)
    progress.finished(folder, record["result"])


def provenance(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a student's file says of itself: enough to build it again, and how it came to be."""
    kept = ("recipe", "seed", "device", "threads", "versions", "models", "fallbacks", "cautions")
    stages = [
        {key: value for key, value in stage.items() if key not in ("capacity", "probe")} for stage in record["stages"]
    ]
    data = {key: record["data"][key] for key in ("source", "images", "training", "sha256")}
    more = {"architecture": record["models"][TRAINED], "data": data, "stages": stages}
    return {key: record[key] for key in kept} | more


@torch.no_grad()
def enhanced(plan: Plan, low: Tensor) -> dict[str, Tensor]:
    """What every model, frozen ones first, makes of the same images."""
    owners = sorted(plan.components.models, key=lambda owner: owner == TRAINED)
    return {owner: plan.components.models[owner].eval()(low)["enhanced"] for owner in owners}


def fidelity(plan: Plan) -> dict[str, float]:
    """PSNR in dB to each frozen model, of the student and, to compare, of the input."""
    sums: dict[str, float] = {}
    images = plan.images(MEASURED)
    for low in images.split(SAMPLES):
        outputs = enhanced(plan, low)
        pairs = {"student": outputs.pop(TRAINED), "input": low}
        for owner, target in outputs.items():
            for name, image in pairs.items():
                key = f"{name} to {owner}"
                sums[key] = sums.get(key, 0.0) + psnr(image, target) * len(low)
    return {key: round(total / len(images), 2) for key, total in sums.items()}


def psnr(image: Tensor, target: Tensor) -> float:
    """Mean over images of the peak signal-to-noise ratio in dB; both (N, 3, H, W) in [0, 1]."""
    errors = (image - target).square().mean(dim=(1, 2, 3)).clamp_min(1e-12)
    return float((-10 * errors.log10()).mean())


@contextmanager
def _writing(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        hint = "what was written so far is kept"
        raise RunFolderError(
            Problem(f"cannot write to {str(folder.path)!r}: {fault.strerror}", hints=(hint,))
        ) from fault
