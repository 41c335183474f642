"""A run from end to end: prove every stage, train them in order, leave a run folder that explains itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TextIO

import torch
from attrs import asdict, evolve, frozen
from torch import Tensor

from zerokd.errors import Problem, RecipeError, RunFolderError
from zerokd.files.digest import sha256
from zerokd.files.weights import write_weights
from zerokd.measure.capacity import Capacity, capacity
from zerokd.measure.held_out import enhanced, fidelity, inputs, told, unmeasured
from zerokd.measure.student_metrics import Gauge, Reading
from zerokd.objective.models import TRAINED
from zerokd.objective.objective import Objective
from zerokd.objective.signals import out_of_range
from zerokd.objective.stage_plan import Phase
from zerokd.plugin.blame import blame, room_for
from zerokd.proof.evidence import Evidence, evidence
from zerokd.proof.probe import probe
from zerokd.recipe.build.components import Components
from zerokd.run.checkpointer import Keeper
from zerokd.run.figures import draw_curves, draw_samples
from zerokd.run.folder import RunFolder
from zerokd.run.interrupt import stoppable
from zerokd.run.manifest import manifest
from zerokd.run.observers import observed
from zerokd.run.progress import Progress
from zerokd.run.resume import FRESH, Resumed
from zerokd.training.batches import batches, check_data, generator, split, to_float
from zerokd.training.checkpoint import remove
from zerokd.training.device import give_back_freed_memory, layout, settle
from zerokd.training.loop import train
from zerokd.training.nonfinite import kept_in
from zerokd.training.nonfinite_policy import Guard
from zerokd.training.state import Training
from zerokd.training.step import Stepper, stepper
from zerokd.training.step_log import Metrics, open_metrics, write_lines

PROBED = 3  # images that every term is tried on before the first step, beside one of noise
SAMPLES = 4  # images a sample picture shows
SURVEYED = 8  # images that the student's capacity is measured on
MEASURED = 32  # images that fidelity and metrics are measured on, a few at a time
UNTRAINED = "untrained"
SLOW = 'speed: autocast = "float16" can take twenty times as long on a CPU; "bfloat16" is what processors multiply'
SURVEY = ("capacity", "metrics", "kept_on_disk")  # what is found out at the end of each stage


@frozen(eq=False)
class Plan:
    """A run that may start: every term of every stage has been seen to train the student."""

    components: Components
    steppers: tuple[Stepper, ...]
    evidences: tuple[Evidence, ...]
    training: list[int]
    held_out: list[int]
    device: torch.device
    gauge: Gauge
    untrained: dict[str, Reading]

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(one.objective for one in self.steppers)

    @property
    def measured_on(self) -> str:
        return "held-out" if self.held_out else "training"

    def images(self, count: int) -> Tensor:
        """Images to show and to measure on: held-out ones, or training ones where none are held out."""
        indices = (self.held_out or self.training)[:count]
        return to_float([self.components.data[index] for index in indices], self.device)

    def measure(self) -> dict[str, Reading]:
        """Every metric of the recipe, of the student as it is now, on such images."""
        indices = (self.held_out or self.training)[:MEASURED]
        parts = inputs(self.gauge.measures, self.components.data, indices, self.device) if self.gauge.measures else []
        return self.gauge.read(parts)

    def survey(self, not_tried: str = "", count: int = SURVEYED) -> Capacity:
        """How much of the student is in use, on such images."""
        images = self.images(count)
        with blame(f"model {TRAINED!r}"):
            return capacity(self.components.student, images, not_tried)


def prepare(components: Components, device: torch.device) -> Plan:
    """Pin what decides a run's bits, move everything to the device, and probe all stages.

    Raises:
        ZerokdError: with the problems of all stages.
    """
    settle(device, components.threads, components.speed.tf32)
    for owner in (*components.models, *components.averages):
        network = components.network(owner).to(device)
        network.to(memory_format=layout(network))
    data = components.data
    check_data(data, components.origins["data"]["use"])
    training, held_out = split(data, data.config.held_out)
    steppers: list[Stepper] = []
    evidences: list[Evidence] = []
    problems: list[Problem] = []
    for phase in components.phases:
        try:
            with room_for(f"stage {phase.name!r}"):
                sample = _sample(phase, components, training, device)
                objective = probe(phase, components, sample)
                evidences.append(evidence(phase, components, objective, sample))
                steppers.append(stepper(phase, objective, components, sample, len(training)))
        except RecipeError as error:
            problems += error.problems
    gauge = Gauge(components, device)
    problems += unmeasured(gauge, components, (held_out or training)[:MEASURED], device)
    if problems:
        raise RecipeError(*dict.fromkeys(problems))
    without = tuple(text for one in steppers for text in one.without)
    slow = (SLOW,) if components.speed.autocast == "float16" and device.type == "cpu" else ()
    cautions = (*components.cautions, *slow)
    components = evolve(components, fallbacks=(*components.fallbacks, *without), cautions=cautions)
    plan = Plan(components, tuple(steppers), tuple(evidences), training, held_out, device, gauge, {})
    plan.survey("nothing is trained yet", 1)  # a student that cannot be measured is refused now
    plan.untrained.update(plan.measure())
    faults = list(gauge.faults(plan.untrained))
    if faults:
        raise RecipeError(*faults)
    give_back_freed_memory()  # the proofs took more than a step does
    return plan


def _sample(phase: Phase, components: Components, training: list[int], device: torch.device) -> Tensor:
    """A stage's first images, augmented, and noise: black photos alone would give every curve a gradient of 0."""
    low = next(batches(components.data, training, phase, components.seed, device)).low[:PROBED]
    outside = out_of_range(low, (0.0, 1.0))
    if outside:
        raise RecipeError(
            Problem(f"stage {phase.name!r}: the augmented input {outside}", phase.place, code="out-of-range")
        )
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
        with observed(plan.components, folder, record, progress.aloud) as watchers:
            with open_metrics(folder.metrics, keeper.metrics_length) as file:
                for stepper, about in zip(plan.steppers, record["stages"], strict=True):
                    phase, objective = stepper.phase, stepper.objective
                    if phase.name in keeper.done:
                        about.update(keeper.done[phase.name])
                        continue
                    with (
                        progress.stage(phase) as watch,
                        Metrics(phase, objective, file, (progress.warn, watch, *watchers)) as metrics,
                        blame(f"stage {phase.name!r}", OSError),
                        kept_in(folder.failure, plan.components.student, provenance(record)),
                    ):
                        training = Training(phase, objective, plan.components)
                        keeper.begin(training, metrics)
                        after_step = partial(keeper.after_step, training, metrics)
                        train(training, stepper, plan.components, plan.training, metrics, guard, after_step)
                        keeper.keep(training, metrics)
                    kept = stepper.targets.account()
                    stepper.targets.forget()
                    if trouble := kept.get("kept_on_disk", {}).get("trouble"):
                        progress.aloud(f"{phase.name}: not everything was kept on disk: {trouble}")
                    about.update(kept | survey(plan, phase, folder, file, progress))
                    keeper.done[phase.name] = {key: about[key] for key in SURVEY if key in about}
            finish(plan, folder, record, keeper, progress)


def survey(plan: Plan, phase: Phase, folder: RunFolder, file: TextIO, progress: Progress) -> dict[str, Any]:
    """What the student is after a stage: pictures, how much of it is in use, and what the metrics say."""
    low = plan.images(SAMPLES)
    draw_samples(folder.sample(phase.name), {"low": low, **enhanced(plan.components, low)})
    found: dict[str, Any] = {"capacity": plan.survey("they are tried at the end of the run").as_json()}
    progress.surveyed(phase.name, found["capacity"])
    if plan.gauge.measures:
        readings = {name: asdict(one) for name, one in plan.measure().items()}
        for name, reading in readings.items():
            line = {"kind": "metric", "stage": phase.name, "name": name, "measured_on": plan.measured_on}
            write_lines(file, line | reading)
        found["metrics"] = readings
        progress.measured(phase.name, told(plan.gauge.measures, {phase.name: readings}, plan.measured_on))
    return found


def account(plan: Plan) -> dict[str, Any]:
    """What a run says of itself before its first step."""
    record = manifest(plan.components, plan.steppers, (plan.training, plan.held_out), plan.device, sys.argv[1:])
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
        "fidelity": {"measured_on": plan.measured_on, **fidelity(plan.components, plan.images(MEASURED))},
        "capacity": plan.survey().as_json(),
    }
    if plan.gauge.measures:
        stages = {about["name"]: about["metrics"] for about in record["stages"]}
        before = {name: asdict(one) for name, one in plan.untrained.items()}
        record["result"]["metrics"] = told(plan.gauge.measures, {UNTRAINED: before, **stages}, plan.measured_on)
    folder.write_manifest(record)
    remove(folder.checkpoints)
    progress.finished(folder, record["result"])


def provenance(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a student's file says of itself: enough to build it again, and how it came to be."""
    kept = ("recipe", "seed", "device", "threads", "versions", "models", "fallbacks", "cautions")
    stages = [
        {key: value for key, value in stage.items() if key not in ("probe", *SURVEY)} for stage in record["stages"]
    ]
    data = {key: record["data"][key] for key in ("source", "images", "training", "sha256")}
    more = {"architecture": record["models"][TRAINED], "data": data, "stages": stages}
    return {key: record[key] for key in kept} | more


@contextmanager
def _writing(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        hint = "what was written so far is kept"
        raise RunFolderError(
            Problem(f"cannot write to {str(folder.path)!r}: {fault.strerror}", hints=(hint,))
        ) from fault
