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
from zerokd.files.digest import file_sha256
from zerokd.files.weights import write_weights
from zerokd.measure.capacity import Capacity, measure_capacity
from zerokd.measure.held_out import (
    enhance_with_models,
    find_metric_problems,
    load_metric_batches,
    measure_fidelity,
    metrics_record,
)
from zerokd.measure.student_metrics import MetricEvaluator, MetricResult
from zerokd.objective.models import STUDENT
from zerokd.objective.objective import Objective
from zerokd.objective.signals import describe_out_of_range
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.blame import attribute_errors, report_out_of_memory
from zerokd.proof.evidence import Evidence, measure_evidence
from zerokd.proof.probe import probe
from zerokd.recipe.build.components import Components
from zerokd.run.checkpointer import Checkpointer
from zerokd.run.figures import draw_curves, draw_samples
from zerokd.run.folder import RunFolder
from zerokd.run.interrupt import catch_stop_signals
from zerokd.run.manifest import build_manifest
from zerokd.run.observers import attach_observers
from zerokd.run.progress import Progress
from zerokd.run.resume import NEW_RUN, ResumePoint
from zerokd.training.batches import (
    create_generator,
    iterate_batches,
    split_held_out,
    to_float_batch,
    validate_data_source,
)
from zerokd.training.checkpoint import delete_checkpoints
from zerokd.training.device import choose_memory_format, configure_determinism, release_freed_memory
from zerokd.training.loop import train
from zerokd.training.nonfinite import dump_on_failure
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step import GradientAccumulator, build_accumulator
from zerokd.training.step_log import StepLog, open_metrics, write_lines

PROBE_IMAGES = 3  # images that every term is tried on before the first step, beside one of noise
SAMPLE_IMAGES = 4  # images a sample picture shows
CAPACITY_IMAGES = 8  # images that the student's capacity is measured on
METRIC_IMAGES = 32  # images that fidelity and metrics are measured on, a few at a time
UNTRAINED = "untrained"
SLOW_FLOAT16_CAUTION = (
    'speed: autocast = "float16" can take twenty times as long on a CPU; "bfloat16" is what processors multiply'
)
SURVEY_KEYS = ("capacity", "metrics", "kept_on_disk")  # what is found out at the end of each stage


@frozen(eq=False)
class RunPlan:
    """A run that may start: every term of every stage has been seen to train the student."""

    components: Components
    accumulators: tuple[GradientAccumulator, ...]
    evidences: tuple[Evidence, ...]
    training_indices: list[int]
    held_out_indices: list[int]
    device: torch.device
    metric_evaluator: MetricEvaluator
    untrained_results: dict[str, MetricResult]

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(accumulator.objective for accumulator in self.accumulators)

    @property
    def measured_on(self) -> str:
        return "held-out" if self.held_out_indices else "training"

    def load_images(self, count: int) -> Tensor:
        """Images to show and to measure on: held-out ones, or training ones where none are held out."""
        indices = (self.held_out_indices or self.training_indices)[:count]
        return to_float_batch([self.components.data[index] for index in indices], self.device)

    def evaluate_metrics(self) -> dict[str, MetricResult]:
        """Every metric of the recipe, of the student as it is now, on such images."""
        indices = (self.held_out_indices or self.training_indices)[:METRIC_IMAGES]
        parts = (
            load_metric_batches(self.metric_evaluator.metrics, self.components.data, indices, self.device)
            if self.metric_evaluator.metrics
            else []
        )
        return self.metric_evaluator.evaluate(parts)

    def measure_capacity(self, skip_reason: str = "", count: int = CAPACITY_IMAGES) -> Capacity:
        """How much of the student is in use, on such images."""
        images = self.load_images(count)
        with attribute_errors(f"model {STUDENT!r}"):
            return measure_capacity(self.components.student, images, skip_reason)


def prepare_run(components: Components, device: torch.device) -> RunPlan:
    """Pin what decides a run's bits, move everything to the device, and probe all stages.

    Raises:
        ZerokdError: with the problems of all stages.
    """
    configure_determinism(device, components.threads, components.speed.tf32)
    for owner in (*components.models, *components.averages):
        network = components.get_model(owner).to(device)
        network.to(memory_format=choose_memory_format(network))
    data = components.data
    validate_data_source(data, components.provenance["data"]["use"])
    training, held_out = split_held_out(data, data.config.held_out)
    accumulators: list[GradientAccumulator] = []
    evidences: list[Evidence] = []
    problems: list[Problem] = []
    for stage in components.stages:
        try:
            with report_out_of_memory(f"stage {stage.name!r}"):
                sample = _load_probe_images(stage, components, training, device)
                objective = probe(stage, components, sample)
                evidences.append(measure_evidence(stage, components, objective, sample))
                accumulators.append(build_accumulator(stage, objective, components, sample, len(training)))
        except RecipeError as error:
            problems += error.problems
    gauge = MetricEvaluator(components, device)
    problems += find_metric_problems(gauge, components, (held_out or training)[:METRIC_IMAGES], device)
    if problems:
        raise RecipeError(*dict.fromkeys(problems))
    without = tuple(text for accumulator in accumulators for text in accumulator.compile_failures)
    slow = (SLOW_FLOAT16_CAUTION,) if components.speed.autocast == "float16" and device.type == "cpu" else ()
    cautions = (*components.cautions, *slow)
    components = evolve(components, fallbacks=(*components.fallbacks, *without), cautions=cautions)
    plan = RunPlan(components, tuple(accumulators), tuple(evidences), training, held_out, device, gauge, {})
    plan.measure_capacity("nothing is trained yet", 1)  # a student that cannot be measured is refused now
    plan.untrained_results.update(plan.evaluate_metrics())
    errors = list(gauge.find_failures(plan.untrained_results))
    if errors:
        raise RecipeError(*errors)
    release_freed_memory()  # the proofs took more than a step does
    return plan


def _load_probe_images(
    stage: StagePlan, components: Components, training_indices: list[int], device: torch.device
) -> Tensor:
    """A stage's first images, augmented, and noise: black photos alone would give every curve a gradient of 0."""
    low = next(iterate_batches(components.data, training_indices, stage, components.seed, device)).low[:PROBE_IMAGES]
    outside = describe_out_of_range(low, (0.0, 1.0))
    if outside:
        raise RecipeError(
            Problem(f"stage {stage.name!r}: the augmented input {outside}", stage.place, code="out-of-range")
        )
    noise = torch.rand(low[:1].shape, generator=create_generator(components.seed, "probe"))
    return torch.cat([low, noise.to(device)])


def execute(
    plan: RunPlan,
    folder: RunFolder,
    tables: dict[str, Any],
    record: dict[str, Any],
    progress: Progress,
    resume_point: ResumePoint = NEW_RUN,
) -> None:
    """Train every stage, from where a run that goes on stands, and write the run folder; ``record`` is its account.

    Raises:
        NumericError: training stopped at a value that is not finite.
        StoppedError: the run was asked to stop.
        RunFolderError: the folder could not be written.
    """
    record["resumed"] = list(resume_point.history)
    guard = NonFinitePolicy(plan.components.max_skipped_steps)
    with _report_write_errors(folder), catch_stop_signals() as stop:
        keeper = Checkpointer(
            folder.checkpoints, plan.components.checkpoint_seconds, stop, guard, resume_point.checkpoint
        )
        folder.write_recipe(tables)
        folder.write_manifest(record)
        with attach_observers(plan.components, folder, record, progress.report_warning) as watchers:
            with open_metrics(folder.metrics, keeper.metrics_length) as file:
                for accumulator, about in zip(plan.accumulators, record["stages"], strict=True):
                    stage, objective = accumulator.stage, accumulator.objective
                    if stage.name in keeper.finished_stages:
                        about.update(keeper.finished_stages[stage.name])
                        continue
                    with (
                        progress.track_stage(stage) as watch,
                        StepLog(stage, objective, file, (progress.report_nonfinite, watch, *watchers)) as metrics,
                        attribute_errors(f"stage {stage.name!r}", OSError),
                        dump_on_failure(folder.failure, plan.components.student, collect_provenance(record)),
                    ):
                        training = StageState(stage, objective, plan.components)
                        keeper.restore_stage(training, metrics)
                        after_step = partial(keeper.after_step, training, metrics)
                        train(training, accumulator, plan.components, plan.training_indices, metrics, guard, after_step)
                        keeper.save(training, metrics)
                    kept = accumulator.frozen_cache.manifest_record()
                    accumulator.frozen_cache.release()
                    if trouble := kept.get("kept_on_disk", {}).get("trouble"):
                        progress.report_warning(f"{stage.name}: not everything was kept on disk: {trouble}")
                    about.update(kept | survey_student(plan, stage, folder, file, progress))
                    keeper.finished_stages[stage.name] = {key: about[key] for key in SURVEY_KEYS if key in about}
            finish(plan, folder, record, keeper, progress)


def survey_student(
    plan: RunPlan, stage: StagePlan, folder: RunFolder, file: TextIO, progress: Progress
) -> dict[str, Any]:
    """What the student is after a stage: pictures, how much of it is in use, and what the metrics say."""
    low = plan.load_images(SAMPLE_IMAGES)
    draw_samples(folder.sample_path(stage.name), {"low": low, **enhance_with_models(plan.components, low)})
    found: dict[str, Any] = {"capacity": plan.measure_capacity("they are tried at the end of the run").as_json()}
    progress.report_capacity(stage.name, found["capacity"])
    if plan.metric_evaluator.metrics:
        readings = {name: asdict(one) for name, one in plan.evaluate_metrics().items()}
        for name, reading in readings.items():
            line = {"kind": "metric", "stage": stage.name, "name": name, "measured_on": plan.measured_on}
            write_lines(file, line | reading)
        found["metrics"] = readings
        progress.report_metrics(
            stage.name, metrics_record(plan.metric_evaluator.metrics, {stage.name: readings}, plan.measured_on)
        )
    return found


def build_run_record(plan: RunPlan) -> dict[str, Any]:
    """What a run says of itself before its first step."""
    record = build_manifest(
        plan.components, plan.accumulators, (plan.training_indices, plan.held_out_indices), plan.device, sys.argv[1:]
    )
    for about, measured in zip(record["stages"], plan.evidences, strict=True):
        about["probe"] = measured.as_json()
    return record


def finish(
    plan: RunPlan, folder: RunFolder, record: dict[str, Any], checkpointer: Checkpointer, progress: Progress
) -> None:
    """Write the student and what it is worth; then the checkpoints have served."""
    student = plan.components.student
    write_weights(folder.student, student.state_dict(), collect_provenance(record))
    draw_curves(folder.curves, folder.metrics, plan.components.stages[-1].equation.text)
    record["result"] = {
        "seconds": round(checkpointer.training_seconds, 1),
        "skipped_steps": checkpointer.nonfinite_policy.skipped_steps,
        "student": {"sha256": file_sha256(folder.student), "parameters": student.parameter_count()},
        "fidelity": {
            "measured_on": plan.measured_on,
            **measure_fidelity(plan.components, plan.load_images(METRIC_IMAGES)),
        },
        "capacity": plan.measure_capacity().as_json(),
    }
    if plan.metric_evaluator.metrics:
        stages = {about["name"]: about["metrics"] for about in record["stages"]}
        before = {name: asdict(one) for name, one in plan.untrained_results.items()}
        record["result"]["metrics"] = metrics_record(
            plan.metric_evaluator.metrics, {UNTRAINED: before, **stages}, plan.measured_on
        )
    folder.write_manifest(record)
    delete_checkpoints(folder.checkpoints)
    progress.report_result(folder, record["result"])


def collect_provenance(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a student's file says of itself: enough to build it again, and how it came to be."""
    kept = ("recipe", "seed", "device", "threads", "versions", "models", "fallbacks", "cautions")
    stages = [
        {key: value for key, value in stage.items() if key not in ("probe", *SURVEY_KEYS)} for stage in record["stages"]
    ]
    data = {key: record["data"][key] for key in ("source", "images", "training", "sha256")}
    more = {"architecture": record["models"][STUDENT], "data": data, "stages": stages}
    return {key: record[key] for key in kept} | more


@contextmanager
def _report_write_errors(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "what was written so far is kept"
        raise RunFolderError(
            Problem(f"cannot write to {str(folder.path)!r}: {error.strerror}", hints=(hint,))
        ) from error
