"""Execute a planned run: train its stages in order and leave a run folder that explains itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from zerokd.errors import Problem, RunFolderError
from zerokd.files.digest import file_sha256
from zerokd.files.weights import write_weights
from zerokd.measure.held_out import enhance_with_models, measure_fidelity, metrics_record
from zerokd.objective.models import CRITIC, STUDENT
from zerokd.objective.stage_plan import StagePlan
from zerokd.phases import phase
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.run.checkpointer import Checkpointer
from zerokd.run.figures import draw_curves, draw_samples
from zerokd.run.folder import RunFolder
from zerokd.run.interrupt import catch_stop_signals
from zerokd.run.measurement import EpochMeasurement, PatienceExhausted, describe_export, install_export
from zerokd.run.observers import attach_observers
from zerokd.run.plan import METRIC_IMAGES, UNTRAINED, RunPlan
from zerokd.run.progress import Progress
from zerokd.run.records import STAGE_RESULT_KEYS, Manifest, RunResult, StageResult
from zerokd.run.resume import NEW_RUN, ResumePoint
from zerokd.training.checkpoint import delete_checkpoints
from zerokd.training.frozen_cache.cache import CacheRecord
from zerokd.training.loop import Player, train
from zerokd.training.nonfinite import dump_on_failure
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step import GradientAccumulator
from zerokd.training.step_log import StepLog, Watcher, open_metrics, write_lines

SAMPLE_IMAGES = 4  # rows of a sample sheet


def execute(
    plan: RunPlan,
    folder: RunFolder,
    recipe_tables: Mapping[str, Any],
    manifest: Manifest,
    progress: Progress,
    resume_point: ResumePoint = NEW_RUN,
) -> None:
    """Train every stage that is not finished yet, complete ``manifest``, and write the run folder.

    Raises:
        NumericError: a step is not finite.
        StoppedError: a signal asked the run to stop.
        RunFolderError: the folder could not be written.
    """
    manifest["resumed"] = list(resume_point.history)
    policy = NonFinitePolicy(plan.components.max_skipped_steps)
    with _report_write_errors(folder), catch_stop_signals() as stop_request:
        folder.remove_temporaries()
        checkpointer = Checkpointer(
            folder.checkpoints, plan.components.checkpoint_seconds, stop_request, policy, resume_point.checkpoint
        )
        folder.write_recipe(recipe_tables)
        folder.write_manifest(manifest)
        with attach_observers(plan.components, folder, manifest, progress.report_warning) as watchers:
            with open_metrics(folder.metrics, checkpointer.metrics_length) as metrics_file:
                for accumulator, stage_record in zip(plan.accumulators, manifest["stages"], strict=True):
                    stage, finished = accumulator.stage, checkpointer.finished_stages
                    if stage.name not in finished:
                        trained = _train_stage(
                            plan, accumulator, folder, manifest, metrics_file, watchers, checkpointer, progress
                        )
                        cache_record = _release_cache(accumulator, progress)
                        with phase(f"measuring {stage.name}"):
                            measured = _measure_stage(plan, stage, folder, metrics_file, progress)
                        finished[stage.name] = {**trained, **cache_record, **measured}
                    stage_record.update(finished[stage.name])
            with phase("measuring the student"):
                _write_result(plan, folder, manifest, checkpointer, progress)


def _train_stage(
    plan: RunPlan,
    accumulator: GradientAccumulator,
    folder: RunFolder,
    manifest: Manifest,
    metrics_file: TextIO,
    watchers: tuple[Watcher, ...],
    checkpointer: Checkpointer,
    progress: Progress,
) -> StageResult:
    """Train one stage, from its checkpoint if there is one, and save a checkpoint at its end; the last stage then has
    the student that leaves the run."""
    stage, objective = accumulator.stage, accumulator.objective
    critic = _build_critic(plan, stage, metrics_file, (progress.report_nonfinite, *watchers))
    critic_log, critic_state = (critic.step_log, critic.state) if critic else (None, None)
    networks = {STUDENT: plan.components.student} | ({CRITIC: critic.state.network} if critic else {})
    with (
        progress.track_stage(stage) as bar,
        StepLog(stage, objective, metrics_file, (progress.report_nonfinite, bar, *watchers), critic_log) as step_log,
        attribute_errors(f"stage {stage.name!r}", OSError),
        dump_on_failure(folder.failure, networks, collect_provenance(manifest)),
    ):
        state = StageState(stage, objective, plan.components, critic_state)
        checkpointer.restore_stage(state, step_log)
        measurement = EpochMeasurement(plan, state, step_log, progress)

        def after_step() -> None:
            measurement.after_step()
            checkpointer.after_step(state, step_log)
            measurement.end_if_exhausted()

        policy = checkpointer.nonfinite_policy
        with suppress(PatienceExhausted):
            measurement.end_if_exhausted()  # a run that is resumed after its stage ended early
            student = Player(state, accumulator, step_log)
            train(student, plan.components, plan.training_indices, policy, after_step, (critic,) if critic else ())
        checkpointer.save(state, step_log)
        if not state.is_last:
            return {}
        exported = install_export(plan, state, step_log.step)
    if text := describe_export(exported):
        progress.report(f"{stage.name}: {text}")
    return {"exported": exported}


def _build_critic(
    plan: RunPlan, stage: StagePlan, metrics_file: TextIO, watchers: tuple[Watcher, ...]
) -> Player | None:
    """The critic of a stage at its start; None for a stage without."""
    if stage.critic is None:
        return None
    accumulator, own = plan.critics[stage.name], stage.critic.stage
    state = StageState(own, accumulator.objective, plan.components)
    step_log = StepLog(own, accumulator.objective, metrics_file, watchers)
    return Player(state, accumulator, step_log, stage.critic.every, stage.critic.steps)


def _release_cache(accumulator: GradientAccumulator, progress: Progress) -> CacheRecord:
    record = accumulator.frozen_cache.manifest_record()
    accumulator.frozen_cache.release()
    if write_error := record.get("kept_on_disk", {}).get("trouble"):
        progress.report_warning(f"{accumulator.stage.name}: the disk cache is incomplete: {write_error}")
    return record


def _measure_stage(
    plan: RunPlan, stage: StagePlan, folder: RunFolder, metrics_file: TextIO, progress: Progress
) -> StageResult:
    """Draw samples of the student after a stage, and measure its capacity and metrics."""
    low = plan.load_images(SAMPLE_IMAGES)
    draw_samples(folder.sample_path(stage.name), {"low": low, **enhance_with_models(plan.components, low)})
    capacity = plan.measure_capacity("they are tested at the end of the run")
    progress.report_capacity(stage.name, capacity)
    result: StageResult = {"capacity": capacity.as_json()}
    if plan.metric_evaluator.metrics:
        results = {name: result.as_json() for name, result in plan.evaluate_metrics().items()}
        for name, values in results.items():
            line = {"kind": "metric", "stage": stage.name, "name": name, "measured_on": plan.measured_on}
            write_lines(metrics_file, line | values)
        result["metrics"] = results
        record = metrics_record(plan.metric_evaluator.metrics, {stage.name: results}, plan.measured_on)
        progress.report_metrics(stage.name, record)
    return result


def _write_result(
    plan: RunPlan, folder: RunFolder, manifest: Manifest, checkpointer: Checkpointer, progress: Progress
) -> None:
    """Write the student and its measurements, then delete the checkpoints: nothing is left to resume."""
    student = plan.components.student
    write_weights(folder.student, student.state_dict(), collect_provenance(manifest))
    draw_curves(folder.curves, folder.metrics)
    fidelity = measure_fidelity(plan.components, plan.load_images(METRIC_IMAGES))
    capacity = plan.measure_capacity()
    result: RunResult = {
        "seconds": round(checkpointer.training_seconds, 1),
        "skipped_steps": checkpointer.nonfinite_policy.skipped_steps,
        "student": {"sha256": file_sha256(folder.student), "parameters": student.parameter_count()},
        "fidelity": {"measured_on": plan.measured_on, **fidelity},
        "capacity": capacity.as_json(),
    }
    if plan.metric_evaluator.metrics:
        stages = {UNTRAINED: {name: result.as_json() for name, result in plan.untrained_results.items()}}
        stages |= {stage_record["name"]: stage_record["metrics"] for stage_record in manifest["stages"]}
        result["metrics"] = metrics_record(plan.metric_evaluator.metrics, stages, plan.measured_on)
    manifest["result"] = result
    folder.write_manifest(manifest)
    delete_checkpoints(folder.checkpoints)
    progress.report_result(folder, result, capacity)


def collect_provenance(manifest: Manifest) -> dict[str, Any]:
    """The metadata of a student's file: enough to build the student again, and how it was trained."""
    keys = ("recipe", "seed", "device", "threads", "versions", "models", "fallbacks", "cautions")
    skipped = ("probe", "optimizer", *STAGE_RESULT_KEYS)  # the weights of a recipe keep their bytes
    stages = [{key: value for key, value in stage.items() if key not in skipped} for stage in manifest["stages"]]
    data = {key: manifest["data"][key] for key in ("source", "images", "training", "sha256")}
    own = {key: manifest[key] for key in keys}  # type: ignore[literal-required]
    return own | {"architecture": manifest["models"][STUDENT], "data": data, "stages": stages}


@contextmanager
def _report_write_errors(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        text = f"cannot write to {str(folder.path)!r}: {error.strerror}"
        raise RunFolderError(Problem(text, hints=("everything written so far is intact",))) from error
