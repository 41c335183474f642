"""Files through a student, by the workers of a cluster: what ``zerokd enhance`` does, with its records.

Only names travel; every worker reads and writes the files itself, so all machines see the same folders. That a file is
done once, whole, and not again is due to its record and its move into place, not to the cluster.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import ray
from attrs import define, evolve
from ray.exceptions import RayError, RayTaskError

from zerokd.errors import OutputError, Problem, WeightsError, ZerokdError
from zerokd.student.enhance.inputs import Job
from zerokd.student.enhance.jobs import AGAIN, Summary, Task, Wish, ready, run

AT_ONCE = 64  # files that a worker is handed, at most
TRIES = 2  # of a file that may have ended the worker that had it


@define
class Share:
    """What one worker did: how many files it was handed, and for how many seconds it was busy with them."""

    files: int = 0
    seconds: float = 0.0


class Tries:
    """How often something was begun since it was last ended: an actor that all workers ask."""

    def __init__(self) -> None:
        self.counts: Counter[bytes] = Counter()

    def begin(self, name: bytes) -> int:
        self.counts[name] += 1
        return self.counts[name]

    def end(self, name: bytes) -> None:
        del self.counts[name]


class FileWorker:
    """An actor that enhances the files that it is handed, and answers a row for each.

    ``records`` is the folder of the records, ``settings`` what they have to say on every machine, and ``tries`` the
    actor that counts. Ray hands what a lost worker had to another one, again and again; so from the second time on each
    file is counted, and one that is begun too often is given up.
    """

    def __init__(self, wish: Wish, records: str, settings: dict[str, Any], tries: Any):
        self.name = f"{ray.util.get_node_ip_address()}:{os.getpid()}"
        self.tries, self.fault = tries, ""
        try:
            self.task = ready(wish, Path(records))
            if self.task.ledger.settings != settings:
                raise WeightsError(f"{str(wish.weights)!r} or zerokd is another one on this machine")
        except ZerokdError as fault:  # raised here, it would have the actor made again and again
            self.fault = _said(fault)

    def __call__(self, batch: dict[str, Iterable[bytes]]) -> dict[str, list[Any]]:
        names = [*batch["name"]]
        places = [map(Path, map(os.fsdecode, batch[key])) for key in ("source", "target")]
        jobs = [*map(Job, map(os.fsdecode, names), *places)]
        begun = time.monotonic()
        if ray.get(self.tries.begin.remote(b"batch of " + names[0])) > 1:
            became = [self._counted(*one) for one in zip(names, jobs, strict=True)]
        else:
            became = self.enhance(jobs)
        seconds = (time.monotonic() - begun) / len(jobs)
        rows: dict[str, list[Any]] = {
            "name": names,
            "became": [one for one, _ in became],
            "told": [told for _, told in became],
        }
        return rows | {"worker": [self.name] * len(jobs), "seconds": [seconds] * len(jobs)}

    def _counted(self, name: bytes, job: Job) -> tuple[str, str]:
        if ray.get(self.tries.begin.remote(name)) > TRIES:
            became = "failed", f"FAILED: it ended its worker {TRIES} times (not enough memory?)"
        else:
            (became,) = self.enhance([job])
        self.tries.end.remote(name)
        return became

    def enhance(self, jobs: list[Job]) -> list[tuple[str, str]]:
        """What became of each file, and what there is to say of it: it is "done", was so "before", or "failed", or all
        are "stopped", where nothing can go on."""
        told: dict[str, str] = {}
        try:
            if self.fault:
                raise OutputError(self.fault)
            summary = run(evolve(self.task, jobs=tuple(jobs)), told.__setitem__)
        except OutputError as fault:
            return [("stopped", _said(fault))] * len(jobs)
        states = dict.fromkeys(summary.done, "done") | dict.fromkeys(summary.before, "before")
        return [
            (states.get(job.name, "failed"), told[job.name].encode("utf-8", "backslashreplace").decode())
            for job in jobs
        ]


def enhance_files(
    task: Task, workers: int, tell: Callable[[str, str], None], worker: type[FileWorker] = FileWorker
) -> tuple[Summary, dict[str, Share]]:
    """Enhance the files of ``task`` that are not done; ``tell`` hears of each one. What each worker did, by its name.

    Raises:
        OutputError: a worker cannot write, has another student or zerokd, or lacks the engine of ``task``.
    """
    summary, shares = Summary(), dict[str, Share]()
    for row in _rows(task, workers, worker) if task.jobs else ():
        name, became, told = os.fsdecode(row["name"]), row["became"], row["told"]
        if became == "stopped":
            raise OutputError(Problem(f"worker {row['worker']}: {told}", hints=(AGAIN,)))
        if became == "failed":
            summary.failed[name] = told.removeprefix("FAILED: ")
        else:
            (summary.done if became == "done" else summary.before).append(name)
        share = shares.setdefault(row["worker"], Share())
        share.files, share.seconds = share.files + 1, share.seconds + row["seconds"]
        tell(name, told)
    return summary, shares


def _rows(task: Task, workers: int, worker: type[FileWorker]) -> Iterator[dict[str, Any]]:
    """A row for each file, as they are done."""
    ray.data.DataContext.get_current().enable_progress_bars = False
    tries = ray.remote(num_cpus=0)(Tries).remote()
    wish, records = evolve(task.wish, engine=task.engine.name), str(task.ledger.root)
    # bytes, since a path may be no text, and Arrow takes text for UTF-8
    files = [{key: os.fsencode(getattr(job, key)) for key in ("name", "source", "target")} for job in task.jobs]
    batches = min(len(files), max(-(-len(files) // AT_ONCE), 4 * workers))
    done = ray.data.from_items(files, override_num_blocks=batches).map_batches(
        worker,
        batch_size=None,
        fn_constructor_args=(wish, records, task.ledger.settings, tries),
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=task.wish.threads,
    )
    try:
        yield from done.iter_rows()
    except RayTaskError:  # a worker raised what it should not
        raise
    except RayError as fault:
        raise OutputError(Problem(f"the cluster failed: {str(fault).splitlines()[0]}", hints=(AGAIN,))) from fault


def _said(fault: ZerokdError) -> str:
    return "; ".join(one.message for one in fault.problems)
