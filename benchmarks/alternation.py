"""Two sides that alternate, each in its own process: other load on the machine affects both, and neither profits
from the other's allocator."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

TURN_SECONDS = 0.3  # minimum of a turn: short calls must not run on caches of the other side
MAX_CALLS_PER_TURN = 50


class SideProcess:
    """The process of one side: a benchmark with ``arguments`` that ends in :func:`serve_turns`."""

    def __init__(self, *arguments: str):
        command = [sys.executable, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.times: list[float] = []
        self.facts = json.loads(self._read_line())

    def take_turn(self) -> None:
        """Let the side run for one turn."""
        self._send("turn")
        self.times.append(float(self._read_line()))

    def finish(self) -> dict[str, Any]:
        """End the process; return its facts and the median seconds of a call."""
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
            raise SystemExit(f"a side ended early: {' '.join(map(str, self.process.args))}")
        return line


def alternate_turns(sides: Sequence[SideProcess], rounds: int) -> list[dict[str, Any]]:
    """Let each side take ``rounds`` turns; return their results."""
    for _ in range(rounds):
        for side in sides:
            side.take_turn()
    return [side.finish() for side in sides]


def serve_turns(facts: dict[str, Any], function: Callable[[], object]) -> None:
    """In a side's process: send the facts, then time the function on every turn."""
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            return
        times: list[float] = []
        while sum(times) < TURN_SECONDS and len(times) < MAX_CALLS_PER_TURN:
            started = time.perf_counter()
            function()
            times.append(time.perf_counter() - started)
        print(statistics.median(times), flush=True)
