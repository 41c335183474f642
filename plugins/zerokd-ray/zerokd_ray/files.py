"""Enhance files on the workers of a cluster, with the ledger of ``zerokd enhance``.

Only names travel: every worker reads and writes the files itself, so all machines need the same folders. The ledger and
atomic writes, not the cluster, ensure that each file is complete and enhanced once.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ray
from attrs import define, evolve
from ray.exceptions import RayError, RayTaskError

from zerokd.errors import OutputError, Problem, WeightsError, ZerokdError
from zerokd.student.enhance.inputs import FileReport, FileStatus, Job
from zerokd.student.enhance.jobs import RERUN_HINT, EnhanceOptions, Task, create_empty_task, run_task
from zerokd.student.enhance.summary import Summary

STOPPED = "stopped"  # the status of files whose worker cannot continue
MAX_FILES_PER_BATCH = 64  # files
MAX_ATTEMPTS = 2  # of a file that may have crashed its worker


@define
class WorkerStatistics:
    """The files that one worker received, and its seconds of work on them."""

    files: int = 0
    seconds: float = 0.0


class AttemptCounter:
    """An actor that all workers share: counts the attempts at a name since its last success."""

    def __init__(self) -> None:
        self.counts: Counter[bytes] = Counter()

    def begin(self, name: bytes) -> int:
        self.counts[name] += 1
        return self.counts[name]

    def end(self, name: bytes) -> None:
        del self.counts[name]


class FileWorker:
    """An actor that enhances batches of files, and returns a row for each file.

    ``settings`` are the ledger's, which every machine must reproduce. Ray passes the batch of a lost worker to another
    one, again and again; so from the second attempt on, a worker counts the attempts at each file, and skips a file
    after ``MAX_ATTEMPTS``.
    """

    def __init__(
        self, options: EnhanceOptions, ledger_folder: str, settings: Mapping[str, str | float], attempt_counter: Any
    ):
        self.name = f"{ray.util.get_node_ip_address()}:{os.getpid()}"
        self.attempt_counter, self.setup_error = attempt_counter, ""
        try:
            self.task = create_empty_task(options, Path(ledger_folder))
            if self.task.ledger.settings != settings:
                raise WeightsError(f"{str(options.student)!r} or zerokd differs on this machine")
        except ZerokdError as error:  # raised here, it would restart the actor again and again
            self.setup_error = _join_messages(error)

    def __call__(self, batch: dict[str, Iterable[bytes]]) -> dict[str, list[Any]]:
        names = [*batch["name"]]
        places = [map(Path, map(os.fsdecode, batch[key])) for key in ("source", "target")]
        jobs = [*map(Job, map(os.fsdecode, names), *places)]
        start = time.monotonic()
        if ray.get(self.attempt_counter.begin.remote(b"batch of " + names[0])) > 1:
            outcomes = [self._enhance_counted(*item) for item in zip(names, jobs, strict=True)]
        else:
            outcomes = self.enhance(jobs)
        seconds = (time.monotonic() - start) / len(jobs)
        rows: dict[str, list[Any]] = {
            "name": names,
            "status": [status for status, _ in outcomes],
            "message": [message for _, message in outcomes],
        }
        return rows | {"worker": [self.name] * len(jobs), "seconds": [seconds] * len(jobs)}

    def _enhance_counted(self, name: bytes, job: Job) -> tuple[str, str]:
        if ray.get(self.attempt_counter.begin.remote(name)) > MAX_ATTEMPTS:
            outcome = FileStatus.FAILED.value, f"it crashed its worker {MAX_ATTEMPTS} times (not enough memory?)"
        else:
            (outcome,) = self.enhance([job])
        self.attempt_counter.end.remote(name)
        return outcome

    def enhance(self, jobs: list[Job]) -> list[tuple[str, str]]:
        """Status and message of each file; all are "stopped" if no work can continue."""
        reports: list[FileReport] = []
        try:
            if self.setup_error:
                raise OutputError(self.setup_error)
            run_task(evolve(self.task, jobs=tuple(jobs)), reports.append)
        except OutputError as error:
            return [(STOPPED, _join_messages(error))] * len(jobs)
        return [
            (report.status.value, report.message.encode("utf-8", "backslashreplace").decode()) for report in reports
        ]


def enhance_files(
    task: Task, workers: int, report: Callable[[FileReport], None], worker: type[FileWorker] = FileWorker
) -> tuple[Summary, dict[str, WorkerStatistics]]:
    """Enhance the files of ``task`` that are not up to date: their summary, and statistics by worker.

    Raises:
        OutputError: a worker cannot write, has another student or zerokd, or lacks the engine of ``task``.
    """
    summary, statistics = Summary(), dict[str, WorkerStatistics]()
    for row in _iterate_results(task, workers, worker) if task.jobs else ():
        if row["status"] == STOPPED:
            raise OutputError(Problem(f"worker {row['worker']}: {row['message']}", hints=(RERUN_HINT,)))
        file_report = FileReport(os.fsdecode(row["name"]), FileStatus(row["status"]), row["message"])
        summary.add(file_report)
        report(file_report)
        worker_statistics = statistics.setdefault(row["worker"], WorkerStatistics())
        worker_statistics.files += 1
        worker_statistics.seconds += row["seconds"]
    return summary, statistics


def _iterate_results(task: Task, workers: int, worker: type[FileWorker]) -> Iterator[dict[str, Any]]:
    """Yield a row for each file as it completes."""
    ray.data.DataContext.get_current().enable_progress_bars = False
    attempt_counter = ray.remote(num_cpus=0)(AttemptCounter).remote()
    options, ledger_folder = evolve(task.options, engine=task.engine.name), str(task.ledger.root)
    # bytes, since a path may not be valid text, and Arrow reads text as UTF-8
    files = [{key: os.fsencode(getattr(job, key)) for key in ("name", "source", "target")} for job in task.jobs]
    batches = min(len(files), max(-(-len(files) // MAX_FILES_PER_BATCH), 4 * workers))
    results = ray.data.from_items(files, override_num_blocks=batches).map_batches(
        worker,
        batch_size=None,
        fn_constructor_args=(options, ledger_folder, task.ledger.settings, attempt_counter),
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=task.options.threads,
    )
    try:
        yield from results.iter_rows()
    except RayTaskError:  # an error in a worker's own code
        raise
    except RayError as error:
        raise OutputError(Problem(f"the cluster failed: {str(error).splitlines()[0]}", hints=(RERUN_HINT,))) from error


def _join_messages(error: ZerokdError) -> str:
    return "; ".join(problem.message for problem in error.problems)
