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
Made = TypeVar("Made")
AHEAD = 4  # items for each thread that are begun before the first of them is asked for


class Room:
    """Room for so many pixels at a time. One photo has room, whatever its size, if no other takes any."""

    def __init__(self, pixels: int):
        self.pixels = pixels
        self._taken = 0
        self._changed = Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait for room, and take it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + pixels <= self.pixels)
            self._taken += pixels
        try:
            yield
        finally:
            with self._changed:
                self._taken -= pixels
                self._changed.notify_all()


def outcomes(
    work: Callable[[Item], Made], items: Iterable[Item], threads: int, here: Callable[[Item], bool]
) -> Generator[tuple[Item, Callable[[], Made]]]:
    """Each item with what gives its outcome, or raises what its work raised.

    Work is done by ``threads``; by the one that asks where there is just one, and for items that belong ``here``: there
    it can be interrupted. When the iterator is closed, what is not begun is not done.
    """
    pool = ThreadPoolExecutor(threads)
    waiting: deque[tuple[Item, Callable[[], Made]]] = deque()
    try:
        for item in items:
            alone = threads == 1 or here(item)
            waiting.append((item, partial(work, item) if alone else pool.submit(work, item).result))
            if len(waiting) >= AHEAD * threads or threads == 1:
                yield waiting.popleft()
        yield from waiting
    finally:
        pool.shutdown(cancel_futures=True)
