"""What a run says while it runs: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column

from zerokd.objective.stage_plan import StagePlan
from zerokd.recipe.build.components import Components
from zerokd.run.folder import RunFolder

MAX_SHOWN_TERMS = 3  # terms shown while training: the largest contributions
MAX_SHOWN_NAMES = 4  # dead channels and idle parameters that are named on the screen
LINES_PER_STAGE = 10  # lines a stage prints when nobody watches a bar


class Progress:
    """Tells a person how a run goes. Everything it prints is also in the run folder."""

    def __init__(self, console: Console):
        self.console = console
        self._warned: set[tuple[str, str]] = set()

    def report_start(self, components: Components, folder: RunFolder | None) -> None:
        """What is about to run, every fallback that was taken, and every known pitfall."""
        self._print(
            f"recipe {components.name}, seed {components.seed}, {len(components.data)} images"
            + (f" -> {folder.path}" if folder else "")
        )
        for name, reason in components.data.rejected:
            self._print(f"left out: {name}: {reason}", "yellow")
        for fallback in components.fallbacks:
            self._print(f"FALLBACK: {fallback}", "bold yellow")
        for caution in components.cautions:
            self._print(f"caution: {caution}", "yellow")
        for stage in components.stages:
            self._print(f"{stage.name}: {stage.epochs} epochs of {stage.equation.text}")
            if stage.aggregator_name:
                self._print(
                    f"{stage.name}: aggregator {stage.aggregator_name} is followed in place of the sum", "yellow"
                )
            if stage.idle_terms:
                self._print(f"not computed, weight 0: {', '.join(stage.idle_terms)}", "yellow")

    def report_resume(
        self, checkpoint_metadata: dict[str, Any] | None, damaged: Iterable[str], differences: Iterable[str]
    ) -> None:
        """Where a run goes on, and what is not as it was."""
        for text in damaged:
            self._print(f"{text}; the one before it is used", "bold yellow")
        for text in differences:
            self._print(f"not as it was: {text}; the last bits may differ for it", "bold yellow")
        if checkpoint_metadata:
            self._print(f"goes on after step {checkpoint_metadata['step']} of stage {checkpoint_metadata['stage']}")
        else:
            self._print("it was stopped before its first checkpoint, and starts at its first step", "yellow")

    def report(self, text: str) -> None:
        """Anything else that a person should know."""
        self._print(text)

    def report_warning(self, text: str) -> None:
        """Something that went wrong and does not stop the run."""
        self._print(text, "bold yellow")

    def report_metrics(self, when: str, metrics: dict[str, Any]) -> None:
        """What the recipe's metrics say of the student; a metric that failed, out loud."""
        for name, told in metrics.items():
            text = f"{when}: {name} {told['use']} on {told['images']} {told['measured_on']} images"
            if told["value"] is None:
                self.report_warning(f"{when}: metric {name} FAILED: {told['failed'][when]}")
            else:
                self._print(f"{text}: {told['value']:.4g} {told['unit']}".rstrip() + f" ({told['better']} is better)")

    def report_data(self, data: dict[str, Any]) -> None:
        """What the training images are worth; aloud where they are not what a student should learn from."""
        told = data["account"]
        counted = f"{told['duplicates']} exact duplicates, {told['near_duplicates']} pairs that look alike"
        self._print(f"data: {counted}; {told['verdict']}", "yellow" if "NOT" in told["verdict"] else "")

    def report_dry_run(self) -> None:
        """The end of a run that was only to be checked."""
        self._print("every term trains the student; nothing was run")

    @contextmanager
    def track_stage(self, stage: StagePlan) -> Iterator[Callable[[dict[str, Any]], None]]:
        """Watch one stage's metrics lines."""
        if not self.console.is_terminal:
            yield partial(self._print_epoch, stage, time.monotonic())
            return
        with Bar(*_create_columns(), console=self.console, expand=True) as bar:
            task = bar.add_task(stage.name, total=stage.epochs, now="")

            def advance(line: dict[str, Any]) -> None:
                if line["kind"] == "epoch":
                    bar.update(task, completed=line["epoch"] + 1, now=_summarize_line(line))

            yield advance

    def _print_epoch(self, stage: StagePlan, started: float, line: dict[str, Any]) -> None:
        done, every = line["epoch"] + 1, max(1, stage.epochs // LINES_PER_STAGE)
        if line["kind"] == "epoch" and (done % every == 0 or done in (1, stage.epochs)):
            left = (time.monotonic() - started) / done * (stage.epochs - done)
            self._print(f"{stage.name} {done}/{stage.epochs}  {_summarize_line(line)}  {left:.0f} s left")

    def report_nonfinite(self, line: dict[str, Any]) -> None:
        """Tell of steps that were left out, and once a stage of monitored terms that are not finite."""
        if line["kind"] == "skipped":
            names = ", ".join(term["name"] for term in line["terms"]) or line["note"]
            self._print(f"{line['stage']}: step {line['step']} was LEFT OUT, it is not finite: {names}", "bold yellow")
        terms = line["terms"] if line["kind"] == "step" else {}
        ill = [label for label, term in terms.items() if not math.isfinite(term["value"])]
        for label in ill:
            if (line["stage"], label) not in self._warned:
                text = f"{line['stage']}: monitored term {label} is not finite, first at step {line['step']}"
                self._print(f"{text}; it trains nothing, so the run goes on", "yellow")
                self._warned.add((line["stage"], label))

    def report_capacity(self, when: str, capacity: dict[str, Any]) -> None:
        """How many hidden channels ever open; a dead one, out loud."""
        channels, images = capacity["channels"], capacity["images"]
        count, dead = channels["count"], channels["dead"]
        text = f"{when}: {count - dead} of {count} hidden channels open on {images} images"
        if dead:
            self._print(f"{text}; DEAD: {_format_names(channels['names'])}", "bold yellow")
        elif count:
            self._print(text)

    def _report_idle_parameters(self, parameters: dict[str, Any]) -> None:
        if "not_tried" in parameters:
            self._print(f"idle parameters are not known: {parameters['not_tried']}")
            return
        idle, count, names = parameters["idle"], parameters["count"], parameters["names"]
        text = f"{idle} of {count} parameters, each set to 0 alone, change no pixel by half a level"
        self._print(f"{text}: {_format_names(names)}" if names else text)

    def report_result(self, folder: RunFolder, result: dict[str, Any]) -> None:
        """What the run left, and what it is worth."""
        student = result["student"]
        self._print(f"student: {folder.student}  {student['parameters']} parameters, sha256 {student['sha256'][:12]}")
        fidelity = dict(result["fidelity"])
        images = fidelity.pop("measured_on")
        for what, value in fidelity.items():
            self._print(f"PSNR on {images} images, {what}: {value:.2f} dB")
        self.report_capacity("student", result["capacity"])
        self._report_idle_parameters(result["capacity"]["parameters"])
        self._print(f"done in {result['seconds']:.0f} s; look at {folder.path / 'samples'} and {folder.curves}")

    def _print(self, text: str, style: str = "") -> None:
        self.console.print(escape(text), style=style, highlight=False, soft_wrap=not self.console.is_terminal)


def _format_names(names: list[str]) -> str:
    more = ", ... (all in manifest.json)" if len(names) > MAX_SHOWN_NAMES else ""
    return ", ".join(names[:MAX_SHOWN_NAMES]) + more


def _create_columns() -> tuple[ProgressColumn, ...]:
    """Stage, bar, epochs, time left, and as much of the terms as the terminal is wide."""
    return (
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(12),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[now]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )


def _summarize_line(line: dict[str, Any]) -> str:
    """The objective and its largest terms."""
    sizes = {label: abs(term["contribution"]) for label, term in line["terms"].items()}
    main = sorted(sizes, key=lambda label: -sizes[label] if math.isfinite(sizes[label]) else 0.0)[:MAX_SHOWN_TERMS]
    return "  ".join(
        [f"objective {line['total']:.3g}", *(f"{label} {line['terms'][label]['contribution']:.3g}" for label in main)]
    )
