"""Several photos at once, in the order in which they come, as far as memory allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Condition
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
QUEUED_PER_THREAD = 4  # items for each thread that are begun before the first of them is asked for


class PixelBudget:
    """Room for so many pixels at a time. One photo has room, whatever its size, if no other takes any."""

    def __init__(self, max_pixels: int):
        self.max_pixels = max_pixels
        self._reserved_pixels = 0
        self._condition = Condition()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """Wait for room, and take it."""
        with self._condition:
            self._condition.wait_for(
                lambda: not self._reserved_pixels or self._reserved_pixels + pixels <= self.max_pixels
            )
            self._reserved_pixels += pixels
        try:
            yield
        finally:
            with self._condition:
                self._reserved_pixels -= pixels
                self._condition.notify_all()


def map_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, runs_in_caller: Callable[[Item], bool]
) -> Generator[tuple[Item, Callable[[], Result]]]:
    """Each item with what gives its outcome, or raises what its work raised.

    Work is done by ``threads``; by the one that asks where there is just one, and for items that belong ``here``: there
    it can be interrupted. When the iterator is closed, what is not begun is not done.
    """
    pool = ThreadPoolExecutor(threads)
    waiting: deque[tuple[Item, Callable[[], Result]]] = deque()
    try:
        for item in items:
            alone = threads == 1 or runs_in_caller(item)
            waiting.append((item, partial(work, item) if alone else pool.submit(work, item).result))
            if len(waiting) >= QUEUED_PER_THREAD * threads or threads == 1:
                yield waiting.popleft()
        yield from waiting
    finally:
        pool.shutdown(cancel_futures=True)
