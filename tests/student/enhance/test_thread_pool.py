"""Work of several threads comes in its order, and stops when nobody asks for more; photos share room."""

import threading
import time
from contextlib import closing

import pytest

from zerokd.student.enhance.thread_pool import QUEUED_PER_THREAD, PixelBudget, map_in_order


def never(item):
    return False


@pytest.mark.parametrize("threads", [1, 3])
def test_outcomes_come_in_the_order_of_the_items(threads):
    def work(item):
        time.sleep(0.002 * (7 - item % 7))
        if item == 5:
            raise ValueError("five")
        return 10 * item

    made = {}
    for item, outcome in map_in_order(work, range(20), threads, never):
        try:
            made[item] = outcome()
        except ValueError as error:
            made[item] = str(error)
    assert list(made) == list(range(20))
    assert made == {item: 10 * item if item != 5 else "five" for item in range(20)}


def test_as_many_are_worked_on_as_there_are_threads():
    together = threading.Barrier(3, timeout=20)
    made = map_in_order(lambda item: together.wait() >= 0, range(6), 3, never)
    assert all(outcome() for _, outcome in made)


def test_one_that_belongs_here_is_done_by_the_one_that_asks():
    def who(item):
        return threading.current_thread() is threading.main_thread()

    made = {item: outcome() for item, outcome in map_in_order(who, range(4), 2, lambda item: item == 2)}
    assert made == {0: False, 1: False, 2: True, 3: False}


def test_what_is_not_begun_when_it_is_closed_is_not_done():
    begun = []
    with closing(map_in_order(begun.append, range(1000), 2, never)) as made:
        next(made)
    assert len(begun) <= 2 * QUEUED_PER_THREAD
    count = len(begun)
    time.sleep(0.05)
    assert len(begun) == count


def test_room_is_never_exceeded_and_the_largest_has_it_alone():
    budget, now, totals, lock = PixelBudget(10, 99), {}, [], threading.Lock()

    def work(pixels):
        with budget.reserve(pixels):
            with lock:
                now[threading.get_ident()] = pixels
                totals.append((sum(now.values()), len(now)))
            time.sleep(0.002)
            with lock:
                del now[threading.get_ident()]

    for _, outcome in map_in_order(work, [3, 3, 3, 25, 4, 6, 10, 1] * 5, 4, never):
        outcome()
    assert all(total <= 10 or count == 1 for total, count in totals)
    assert max(count for _, count in totals) > 1
    assert 25 in {total for total, _ in totals}


def test_no_more_photos_than_processors_are_worked_on():
    budget, now, most, lock = PixelBudget(100, 2), set(), [], threading.Lock()

    def work(item):
        with budget.reserve(1):
            with lock:
                now.add(item)
                most.append(len(now))
            time.sleep(0.002)
            with lock:
                now.remove(item)

    for _, outcome in map_in_order(work, range(30), 6, never):
        outcome()
    assert max(most) == 2
