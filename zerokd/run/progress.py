"""What a run prints: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column

from zerokd.measure.capacity import Capacity
from zerokd.measure.data_statistics import DataStatistics, LightLevel
from zerokd.objective.aggregation import describe_effect
from zerokd.objective.stage_plan import StagePlan
from zerokd.phases import describe_steps, phase
from zerokd.recipe.build.components import Components
from zerokd.run.folder import RunFolder
from zerokd.run.records import CheckpointRecord, RunResult
from zerokd.text import format_number

MAX_SHOWN_TERMS = 3  # terms shown while training: the largest contributions
MAX_SHOWN_NAMES = 4  # dead channels and idle parameters that are named
LINES_PER_STAGE = 10  # epochs that a stage prints in a pipe
NOTICE, WARNING = "yellow", "bold yellow"  # styles


class Progress:
    """Prints how a run goes; if ``quiet``, what may be wrong alone. Everything it prints is also in the run folder."""

    def __init__(self, console: Console, quiet: bool = False):
        self.console, self.quiet = console, quiet
        self._reported_terms: set[tuple[str, str]] = set()

    def report_start(self, components: Components, folder: RunFolder | None) -> None:
        """What is about to run, every fallback that was taken, and every known pitfall."""
        target = f" -> {folder.path}" if folder else ""
        self.report(f"recipe {components.name}, seed {components.seed}, {len(components.data)} images{target}")
        for name, reason in components.data.rejected:
            self.report(f"skipped file {name}: {reason}", NOTICE)
        for fallback in components.fallbacks:
            self.report(f"FALLBACK: {fallback}", WARNING)
        for caution in components.cautions:
            self.report(f"caution: {caution}", NOTICE)
        for stage in components.stages:
            self.report(f"{stage.name}: {stage.epochs} epochs of {stage.equation.text}")
            if stage.aggregator is not None:
                text = f"aggregator {stage.aggregator_name} {describe_effect(stage.aggregator)}"
                self.report(f"{stage.name}: {text}", NOTICE)
            if stage.critic:
                self.report(f"{stage.critic.stage.name}: {stage.critic.stage.equation.text}")
                self.report(f"{stage.name}: {stage.critic.describe_turns()}", NOTICE)
            idle = [label for player in stage.players for label in player.idle_terms]
            if idle:
                self.report(f"not computed, weight 0: {', '.join(idle)}", NOTICE)

    def report_resume(
        self, checkpoint: CheckpointRecord | None, damaged: Iterable[str], differences: Iterable[str]
    ) -> None:
        """Where a run resumes, and what has changed since it started."""
        for text in damaged:
            self.report_warning(f"{text}; using the one before it")
        for text in differences:
            self.report_warning(f"changed since the run started: {text}; the student's last bits may differ")
        if checkpoint:
            self.report(f"resuming after step {checkpoint['step']} of stage {checkpoint['stage']}")
        else:
            self.report("no checkpoint was saved: starting at the first step", NOTICE)

    def report(self, text: str, style: str = "") -> None:
        """Print a line; nothing in it is taken for markup."""
        if self.quiet and not style:
            return
        self.console.print(escape(text), style=style, highlight=False, soft_wrap=not self.console.is_terminal)

    def report_warning(self, text: str) -> None:
        """Something that went wrong and does not stop the run."""
        self.report(text, WARNING)

    def report_metrics(self, when: str, metrics: Mapping[str, Mapping[str, Any]]) -> None:
        """The recipe's metrics of the student, and every metric that failed."""
        for name, metric in metrics.items():
            if metric["value"] is None:
                self.report_warning(f"{when}: metric {name} FAILED: {metric['failed'][when]}")
                continue
            value = f"{format_number(metric['value'])} {metric['unit']}".rstrip()
            images = f"{metric['images']} {metric['measured_on']} images"
            self.report(f"{when}: {name} {metric['use']} on {images}: {value} ({metric['better']} is better)")

    def report_data(self, statistics: DataStatistics) -> None:
        """Duplicates and brightness of the training images; a warning if a student should not learn from them."""
        copies = sum(len(group) - 1 for group in statistics.duplicates)
        counts = f"{copies} exact duplicates, {len(statistics.near_duplicates)} near-duplicate pairs"
        style = NOTICE if statistics.light_level is LightLevel.BRIGHT else ""
        self.report(f"data: {counts}; {statistics.verdict}", style)

    def report_dry_run(self) -> None:
        """The end of a dry run."""
        self.report("every term trains the student; dry run: nothing trained, nothing written")

    @contextmanager
    def track_stage(self, stage: StagePlan) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """Show the progress of a stage; yields what watches its metrics lines."""
        if self.quiet:
            yield lambda line: None
            return
        if not (self.console.is_terminal or (self.console.is_jupyter and find_spec("ipywidgets"))):
            counter = _StepCounter(stage)
            with phase(counter.describe):
                yield partial(self._print_epoch, stage, time.monotonic(), counter)
            return
        with phase(lambda: ""), Bar(*_create_columns(), console=self.console, expand=True) as bar:
            task = bar.add_task(stage.name, total=stage.epochs, now="")

            def advance(line: Mapping[str, Any]) -> None:
                if line["kind"] == "epoch":
                    bar.update(task, completed=line["epoch"] + 1, now=_summarize_terms(line))

            yield advance

    def _print_epoch(self, stage: StagePlan, started: float, counter: _StepCounter, line: Mapping[str, Any]) -> None:
        counter.watch(line)
        done, interval = line["epoch"] + 1, max(1, stage.epochs // LINES_PER_STAGE)
        if line["kind"] == "epoch" and (done % interval == 0 or done in (1, stage.epochs)):
            seconds = (time.monotonic() - started) / done * (stage.epochs - done)
            self.report(f"{stage.name} {done}/{stage.epochs}  {_summarize_terms(line)}  {seconds:.0f} s left")

    def report_nonfinite(self, line: Mapping[str, Any]) -> None:
        """Report every skipped step, and once a stage each monitored term that is not finite."""
        if line["kind"] == "skipped":
            names = ", ".join(term["name"] for term in line["terms"]) or line["note"]
            self.report_warning(f"{line['stage']}: SKIPPED step {line['step']}, not finite: {names}")
        terms = line["terms"] if line["kind"] == "step" else {}
        for label in (label for label, term in terms.items() if not math.isfinite(term["value"])):
            if (line["stage"], label) not in self._reported_terms:
                text = f"{line['stage']}: monitored term {label} is not finite, first at step {line['step']}"
                self.report(f"{text}; it is not trained on, so the run continues", NOTICE)
                self._reported_terms.add((line["stage"], label))

    def report_capacity(self, when: str, capacity: Capacity) -> None:
        """How many hidden channels are alive; a warning for dead ones."""
        count, dead = sum(map(len, capacity.open_shares.values())), capacity.dead_channels
        text = f"{when}: {count - len(dead)} of {count} hidden channels alive on {capacity.images} images"
        if dead:
            self.report_warning(f"{text}; DEAD: {_format_names(dead)}")
        elif count:
            self.report(text)

    def _report_idle_parameters(self, capacity: Capacity) -> None:
        if capacity.skip_reason:
            self.report(f"idle parameters not measured: {capacity.skip_reason}")
            return
        names = capacity.idle_parameters
        text = f"{len(names)} of {capacity.parameter_count} parameters have no visible effect"
        text += " (zeroing any one changes no pixel by half a level)"
        self.report(f"{text}: {_format_names(names)}" if names else text)

    def report_result(self, folder: RunFolder, result: RunResult, capacity: Capacity) -> None:
        """The student and its measurements, and where to look at them."""
        student, fidelity = result["student"], result["fidelity"]
        self.report(f"student: {folder.student}  {student['parameters']} parameters, sha256 {student['sha256'][:12]}")
        for pair in (key for key in fidelity if key != "measured_on"):
            self.report(f"PSNR on {fidelity['measured_on']} images, {pair}: {fidelity[pair]:.2f} dB")
        self.report_capacity("student", capacity)
        self._report_idle_parameters(capacity)
        self.report(f"finished in {result['seconds']:.0f} s; see {folder.samples} and {folder.curves}")


class _StepCounter:
    """Counts the steps of a stage, for the lines of its phase."""

    def __init__(self, stage: StagePlan):
        self.stage, self.started = stage, time.monotonic()
        self.resumed_at: int | None = None
        self.done = 0

    def watch(self, line: Mapping[str, Any]) -> None:
        if line["kind"] == "step" and "step" in line:
            self.resumed_at = line["step"] if self.resumed_at is None else self.resumed_at
            self.done = line["step"] + 1

    def describe(self) -> str:
        seconds, total = time.monotonic() - self.started, self.stage.clock.steps
        return describe_steps(f"training {self.stage.name}", self.done, total, seconds, self.resumed_at or 0)


def _format_names(names: tuple[str, ...]) -> str:
    more = ", ... (all in manifest.json)" if len(names) > MAX_SHOWN_NAMES else ""
    return ", ".join(names[:MAX_SHOWN_NAMES]) + more


def _create_columns() -> tuple[ProgressColumn, ...]:
    """Stage, bar, epochs, time left, and as much of the terms as fits the terminal."""
    return (
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(12),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[now]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )


def _summarize_terms(line: Mapping[str, Any]) -> str:
    """The objective, its largest terms, and the values of monitored terms."""
    monitored = {label: term["value"] for label, term in line["terms"].items() if term.get("monitored")}
    contributions = {label: term["contribution"] for label, term in line["terms"].items() if label not in monitored}
    sizes = {label: abs(value) if math.isfinite(value) else 0.0 for label, value in contributions.items()}
    largest = sorted(sizes, key=lambda label: -sizes[label])[:MAX_SHOWN_TERMS]
    parts = [("objective", line["total"]), *((label, contributions[label]) for label in largest)]
    shown = [f"{name} {format_number(value, 3)}" for name, value in parts]
    shown += [
        f"{label} {'-' if value is None else format_number(value, 3)} (monitored)"
        for label, value in list(monitored.items())[:MAX_SHOWN_TERMS]
    ]
    return "  ".join(shown)
