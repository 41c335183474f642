"""A run before its first step: every stage probed, every metric tried, everything on its device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from attrs import evolve, field, frozen
from torch import Tensor

from zerokd.errors import Problem, RecipeError
from zerokd.measure.capacity import Capacity, measure_capacity
from zerokd.measure.held_out import find_metric_problems, load_metric_batches
from zerokd.measure.student_metrics import MetricEvaluator, MetricResult
from zerokd.objective.models import STUDENT
from zerokd.objective.objective import Objective
from zerokd.objective.players import iterate_players
from zerokd.objective.signals import describe_out_of_range
from zerokd.objective.stage_plan import StagePlan
from zerokd.phases import phase
from zerokd.plugin.batch import Batch, create_generator
from zerokd.plugin.contracts import Model
from zerokd.plugin.error_attribution import attribute_errors, report_out_of_memory
from zerokd.proof.evidence import Evidence, measure_evidence
from zerokd.proof.optimizer_trial import try_optimizer
from zerokd.proof.probe import probe
from zerokd.proof.trial import preserve_buffers_and_rng
from zerokd.recipe.build.components import Components
from zerokd.training.batches import iterate_batches, split_held_out, to_float_batch, validate_data_source
from zerokd.training.device import choose_memory_format, configure_determinism, release_freed_memory
from zerokd.training.step import GradientAccumulator, build_accumulator

PROBE_IMAGES = 3  # images that every term is probed on, beside one of noise
CAPACITY_IMAGES = 8  # images that the student's capacity is measured on
METRIC_IMAGES = 32  # images that fidelity and metrics are measured on, a few at a time
UNTRAINED = "untrained"
SLOW_FLOAT16_CAUTION = (
    'speed: autocast = "float16" can be twenty times slower on a CPU; use "bfloat16", which processors multiply'
)
NONE_HELD_OUT = "best: no image is held out, so the best student is chosen on training images ([data] held_out)"


@frozen(eq=False)
class RunPlan:
    """A run that may start: every term of every stage is proven to train the student."""

    components: Components
    accumulators: tuple[GradientAccumulator, ...]
    evidences: tuple[Evidence, ...]
    training_indices: list[int]
    held_out_indices: list[int]
    device: torch.device
    metric_evaluator: MetricEvaluator
    critics: Mapping[str, GradientAccumulator] = field(factory=dict)  # by the name of the stage
    untrained_results: dict[str, MetricResult] = field(factory=dict)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objective of each player, in the order of the run; ``evidences`` has the same order."""
        return tuple(
            player.objective
            for accumulator in self.accumulators
            for player in (accumulator, self.critics.get(accumulator.stage.name))
            if player is not None
        )

    @property
    def measured_on(self) -> str:
        """Which images the student is measured on: ``held-out`` ones, or ``training`` ones if none are held out."""
        return "held-out" if self.held_out_indices else "training"

    def load_images(self, count: int) -> Tensor:
        """The first ``count`` such images, (N, 3, H, W) in [0, 1]."""
        indices = self._measured_indices()[:count]
        return to_float_batch([self.components.data[index] for index in indices], self.device)

    def evaluate_metrics(self) -> dict[str, MetricResult]:
        """Every metric of the recipe for the student as it is now."""
        metrics, indices = self.metric_evaluator.metrics, self._measured_indices()[:METRIC_IMAGES]
        batches = load_metric_batches(metrics, self.components.data, indices, self.device) if metrics else []
        return self.metric_evaluator.evaluate(batches)

    def measure_capacity(self, skip_reason: str = "", count: int = CAPACITY_IMAGES) -> Capacity:
        """How much of the student is in use; ``skip_reason`` says why its parameters are not tested one by one."""
        images = self.load_images(count)
        with attribute_errors(f"model {STUDENT!r}"):
            return measure_capacity(self.components.student, images, skip_reason)

    def _measured_indices(self) -> list[int]:
        return self.held_out_indices or self.training_indices


def prepare_run(components: Components, device: torch.device) -> RunPlan:
    """Configure determinism, move everything to the device, and probe all stages.

    Raises:
        ZerokdError: with the problems of all stages.
    """
    configure_determinism(device, components.threads, components.speed.tf32)
    trained_critics = [stage.critic.network for stage in components.stages if stage.critic]
    for network in (*map(components.get_model, (*components.models, *components.averages)), *trained_critics):
        network.to(device).to(memory_format=choose_memory_format(network))
    data = components.data
    validate_data_source(data, components.provenance["data"]["use"])
    training, held_out = split_held_out(data, data.config.held_out)
    accumulators: dict[str, GradientAccumulator] = {}  # by the name of the player
    evidences: list[Evidence] = []
    problems: list[Problem] = []
    for stage in components.stages:
        try:
            with report_out_of_memory(f"stage {stage.name!r}"):
                for accumulator, evidence in _prove_stage(stage, components, training, device):
                    accumulators[accumulator.stage.name] = accumulator
                    evidences.append(evidence)
        except RecipeError as error:
            problems += error.problems
    metric_evaluator = MetricEvaluator(components, device)
    problems += find_metric_problems(metric_evaluator, components, (held_out or training)[:METRIC_IMAGES], device)
    if problems:
        raise RecipeError(*dict.fromkeys(problems))
    components = _add_remarks(components, [*accumulators.values()], device, has_held_out=bool(held_out))
    plan = RunPlan(
        components,
        tuple(accumulators[stage.name] for stage in components.stages),
        tuple(evidences),
        training,
        held_out,
        device,
        metric_evaluator,
        {stage.name: accumulators[stage.critic.stage.name] for stage in components.stages if stage.critic},
    )
    _require_image_output(components.student, plan.load_images(1))
    plan.measure_capacity("nothing is trained yet", 1)  # refuses a student that cannot be measured
    plan = evolve(plan, untrained_results=plan.evaluate_metrics())
    failures = list(metric_evaluator.find_failures(plan.untrained_results))
    if failures:
        raise RecipeError(*failures)
    release_freed_memory()  # the proofs took more than a step does
    return plan


def _prove_stage(
    stage: StagePlan, components: Components, training_indices: list[int], device: torch.device
) -> Iterator[tuple[GradientAccumulator, Evidence]]:
    """Prove the terms of each player of a stage, and choose how its steps are computed."""
    sample = _load_probe_batch(stage, components, training_indices, device)
    for player, models in iterate_players(stage, components):
        with phase(f"proving {len(player.terms)} terms of {player.name}"):
            objective = probe(player, models, sample)
            try_optimizer(player.optimizer, objective)
            evidence = measure_evidence(objective, player.plugin.inputs(sample))
        yield build_accumulator(player, objective, components, sample, len(training_indices)), evidence


@torch.no_grad()
def _require_image_output(student: Model, low: Tensor) -> None:
    """Check that a student makes images like its input (N, 3, H, W): what follows training draws, measures and exports
    them.

    Raises:
        RecipeError: it makes others.
    """
    with attribute_errors(f"model {STUDENT!r}"), preserve_buffers_and_rng(student):
        shape = student.eval()(low)["enhanced"].shape
    if shape != low.shape:
        text = f"the student's 'enhanced' has the shape {tuple(shape[1:])} for an image of {tuple(low.shape[1:])}"
        hint = "give it the input's shape, or train with zerokd.compose in a loop of your own, which takes any output"
        raise RecipeError(Problem(text, hints=(hint,), code="shapes-differ"))


def _add_remarks(
    components: Components, accumulators: Sequence[GradientAccumulator], device: torch.device, has_held_out: bool
) -> Components:
    """Components with the fallbacks and cautions that show only now."""
    slow = components.speed.autocast == "float16" and device.type == "cpu"
    selects_on_training = bool(components.selection.metric) and not has_held_out
    cautions = [
        text for text, applies in ((SLOW_FLOAT16_CAUTION, slow), (NONE_HELD_OUT, selects_on_training)) if applies
    ]
    fallbacks = (text for accumulator in accumulators for text in accumulator.compile_failures)
    return evolve(
        components,
        fallbacks=(*components.fallbacks, *fallbacks),
        cautions=(*components.cautions, *cautions),
    )


def _load_probe_batch(
    stage: StagePlan, components: Components, training_indices: list[int], device: torch.device
) -> Batch:
    """A stage's first images, augmented, and noise: black photos alone would give every curve a gradient of 0."""
    batch = next(iterate_batches(components.data, training_indices, stage, components.seed, device))
    batch = batch.select(slice(PROBE_IMAGES))
    mismatch = describe_out_of_range(batch.low, (0.0, 1.0))
    if mismatch:
        text = f"stage {stage.name!r}: the augmented input {mismatch}"
        raise RecipeError(Problem(text, stage.place, code="out-of-range"))
    tensors = dict(batch.tensors)
    for name, tensor in tensors.items():
        extra = tensor[:1]
        if name in stage.data_signals:  # the same noise for each frame, and a brighter one for a reference
            extra = torch.rand(extra.shape, generator=create_generator(components.seed, "probe")).to(device)
            extra = extra if name in components.data.low_signals else extra.sqrt()
        tensors[name] = torch.cat([tensor, extra])
    return evolve(batch, tensors=tensors, names=(*batch.names, "noise"))
