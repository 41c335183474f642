"""Run the checks of a plugin in several processes, a component in each at a time."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context, resource_tracker
from pathlib import Path

import torch

from zerokd.phases import phase
from zerokd.plugin.discovery import discover_plugins
from zerokd.testing.collection import find_entries
from zerokd.testing.outcomes import CheckGroup, CheckOutcome, plan_checks, run_check

Arguments = tuple[str, tuple[Path, ...], int]  # of _serve, beside the connection
STOP_SECONDS = 5.0  # until a process that is stopped must have ended


def run_checks_in_processes(plugin: str, plugin_files: Sequence[Path], job_count: int) -> Iterator[CheckOutcome]:
    """Run every check of a distribution or component, in ``job_count`` processes; outcomes come in the usual order.

    A component whose checks end their process, as by a crash in a library, fails, and the others are checked.

    Raises:
        RecipeError: nothing has that name, or it is broken.
    """
    catalogue = discover_plugins(plugin_files, strict=True)
    count = min(job_count, len(find_entries(plugin, catalogue)))
    arguments = (plugin, tuple(plugin_files), max(1, torch.get_num_threads() // count))
    with _open_workers() as workers:
        workers += [_Worker(arguments) for _ in range(count)]  # they start while this process collects the checks
        groups = plan_checks(plugin, catalogue)
        outcomes = {index: list(group.outcomes) for index, group in enumerate(groups) if not group.checks}
        with phase(lambda: _describe_progress(groups, outcomes, workers)):
            _run_groups(groups, outcomes, workers, arguments)
    for index in range(len(groups)):
        yield from outcomes[index]


def _run_groups(
    groups: Sequence[CheckGroup], outcomes: dict[int, list[CheckOutcome]], workers: list[_Worker], arguments: Arguments
) -> None:
    """Add the outcomes of all groups with checks."""
    waiting = [index for index in range(len(groups)) if index not in outcomes]
    while waiting or any(worker.group is not None for worker in workers):
        for worker in workers:
            if worker.group is None and waiting:
                worker.start(waiting.pop(0))
        for worker in _wait_for_results(workers):
            assert worker.group is not None
            outcomes[worker.group], worker.group = worker.receive(groups[worker.group]), None
        workers[:] = [worker if worker.process.is_alive() else _Worker(arguments) for worker in workers]


def _describe_progress(
    groups: Sequence[CheckGroup], outcomes: Mapping[int, list[CheckOutcome]], workers: Sequence[_Worker]
) -> str:
    done = sum(len(groups[index]) for index in outcomes)
    running = ", ".join(groups[worker.group].name for worker in workers if worker.group is not None)
    return f"{done} of {sum(map(len, groups))} checks done, now {running}"


class _Worker:
    """A process, the connection to it, and the number of the group that it checks; None while it waits."""

    def __init__(self, arguments: Arguments):
        context = get_context("spawn")  # a fork would copy the threads' locks, not the threads
        self.connection, other_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(other_end, *arguments))
        with _blocked_interrupts():  # a process inherits this: Ctrl-C reaches this one alone, which ends the others
            self.process.start()
        other_end.close()  # so that the connection ends with the process
        self.group: int | None = None

    def start(self, group: int) -> None:
        """Begin to check a group."""
        self.group = group
        with suppress(ConnectionError):  # if the process has ended, receive() tells
            self.connection.send(group)

    def receive(self, group: CheckGroup) -> list[CheckOutcome]:
        """What it found, or the failure that its process ended."""
        try:
            outcomes: list[CheckOutcome] = self.connection.recv()
        except (EOFError, ConnectionError):
            self.process.join(STOP_SECONDS)
            code = self.process.exitcode or 0
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            about = "its checks do not end the process"
            return [CheckOutcome(group.name, "survives", about, "FAILED", f"a process that ran them ended {how}")]
        return outcomes

    def stop(self) -> None:
        """End the process once its connection is closed; one that waits ends by itself, which releases semaphores."""
        if self.group is None:
            self.process.join(STOP_SECONDS)
        self.process.terminate()
        self.process.join(STOP_SECONDS)


@contextmanager
def _open_workers() -> Iterator[list[_Worker]]:
    """A list of workers, which end when the block ends or raises."""
    workers: list[_Worker] = []
    try:
        yield workers
    finally:
        for worker in workers:
            worker.connection.close()  # all that wait begin to end
        for worker in workers:
            worker.stop()


@contextmanager
def _blocked_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back until the block ends, where the system can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # its start, which the first process would cause, lets Ctrl-C through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait_for_results(workers: Sequence[_Worker]) -> list[_Worker]:
    busy = {worker.connection: worker for worker in workers if worker.group is not None}
    return [busy[ready] for ready in connection.wait(list(busy))]  # type: ignore[index]


def _serve(parent: connection.Connection, plugin: str, plugin_files: Sequence[Path], thread_count: int) -> None:
    """Check the groups whose numbers come, until the other end closes."""
    torch.set_num_threads(thread_count)
    groups = plan_checks(plugin, discover_plugins(plugin_files, strict=True))
    try:
        while True:
            parent.send([run_check(check) for check in groups[parent.recv()].checks])
    except (EOFError, ConnectionError):
        return
