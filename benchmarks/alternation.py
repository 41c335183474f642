"""Two sides that take turns, each in a process of its own: what else the machine does falls on both alike, and neither
gains from what the other's allocator keeps."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

TURN_SECONDS = 0.3  # seconds of calls, at least, that a side takes before it is the other's turn
MAX_CALLS_PER_TURN = 50  # calls in a turn


class SideProcess:
    """One side's process, a benchmark that was started with ``arguments``: it ends in :func:`answer`."""

    def __init__(self, *arguments: str):
        command = [sys.executable, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.times: list[float] = []
        self.facts = json.loads(self._read_line())

    def take_turn(self) -> None:
        """One turn."""
        self._send("turn")
        self.times.append(float(self._read_line()))

    def finish(self) -> dict[str, Any]:
        """What the side said of itself, and the seconds a call of it takes."""
        self._send("end")
        self.process.wait()
        return self.facts | {"seconds": statistics.median(self.times)}

    def _send(self, word: str) -> None:
        assert self.process.stdin is not None
        print(word, file=self.process.stdin, flush=True)

    def _read_line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"one side ended: {' '.join(map(str, self.process.args))}")
        return line


def alternate_turns(sides: Sequence[SideProcess], rounds: int) -> list[dict[str, Any]]:
    """Let each take so many turns; what they end with."""
    for _ in range(rounds):
        for side in sides:
            side.take_turn()
    return [side.finish() for side in sides]


def serve_turns(facts: dict[str, Any], function: Callable[[], object]) -> None:
    """In a side's process: say the facts, then time the call whenever a turn is asked for."""
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            return
        times: list[float] = []
        while (
            sum(times) < TURN_SECONDS and len(times) < MAX_CALLS_PER_TURN
        ):  # so that a short call is not timed on caches of the other side
            started = time.perf_counter()
            function()
            times.append(time.perf_counter() - started)
        print(statistics.median(times), flush=True)
