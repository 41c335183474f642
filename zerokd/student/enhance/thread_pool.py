"""Work on several photos at a time, with results in order, as far as memory allows."""

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
QUEUED_PER_THREAD = 4  # items for each thread that are submitted before the first result is taken


class PixelBudget:
    """A limit on the photos and pixels that are processed at a time. A photo of more pixels is processed alone."""

    def __init__(self, max_pixels: int, max_photos: int):
        self.max_pixels, self.max_photos = max_pixels, max_photos
        self._reserved_pixels = self._photos = 0
        self._condition = Condition()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """Wait until another photo of so many pixels may be processed, and hold its place."""
        with self._condition:
            self._condition.wait_for(lambda: not self._photos or self._has_place(pixels))
            self._photos += 1
            self._reserved_pixels += pixels
        try:
            yield
        finally:
            with self._condition:
                self._photos -= 1
                self._reserved_pixels -= pixels
                self._condition.notify_all()

    def _has_place(self, pixels: int) -> bool:
        return self._photos < self.max_photos and self._reserved_pixels + pixels <= self.max_pixels


def map_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, runs_in_caller: Callable[[Item], bool]
) -> Generator[tuple[Item, Callable[[], Result]]]:
    """Each item with a function that returns its result, or raises the exception of its work.

    Work runs in ``threads`` threads. It runs in the caller's thread, where it can be interrupted, if there is one
    thread only, and for items that ``runs_in_caller`` selects. Closing the iterator drops work that has not started.
    """
    pool = ThreadPoolExecutor(threads)
    queue: deque[tuple[Item, Callable[[], Result]]] = deque()
    try:
        for item in items:
            in_caller = threads == 1 or runs_in_caller(item)
            queue.append((item, partial(work, item) if in_caller else pool.submit(work, item).result))
            if len(queue) >= QUEUED_PER_THREAD * threads or threads == 1:
                yield queue.popleft()
        yield from queue
    finally:
        pool.shutdown(cancel_futures=True)
