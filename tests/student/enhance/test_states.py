"""States that follow: each frame gets one, in order; the first light after black waits, and is followed backwards."""

from itertools import chain

import numpy as np
import pytest

from zerokd.student.enhance.states import NetworkStates, StateFollower
from zerokd.student.enhance.tiles import TiledNetwork

FRAME = 0.125  # seconds


class Held:
    """Measured states are brightness. A state never changes; a frame is steady if it is as bright as the one before."""

    def __init__(self):
        self.calls = []

    def measure(self, image):
        return float(image.mean())

    def follow(self, state, before, measured, seconds):
        self.calls.append((state, before, measured, pytest.approx(seconds)))
        return (measured if measured else "none") if state is None else state

    def steadiness(self, before, measured, seconds):
        return 0.0 if measured == 0 else 1.0 if before == measured else 0.1


def play(brightness, times=None, most=1000):
    """The states after each frame, and at the end."""
    functions = Held()
    follower = StateFollower(functions, most)
    times = [FRAME * number for number in range(len(brightness))] if times is None else times
    return [follower.push(time, value) for time, value in zip(times, brightness, strict=True)], follower.finish()


def test_a_steady_start_waits_for_a_fifth_of_a_second():
    assert play([5.0] * 5) == ([[], [], [5.0, 5.0, 5.0], [5.0], [5.0]], [])


def test_frames_follow_the_frame_before():
    functions = Held()
    follower = StateFollower(functions, 1)
    follower.push(0.0, 5.0)
    follower.push(0.5, 7.0)
    follower.push(0.6, 6.0)
    assert functions.calls == [(None, None, 5.0, 0.0), (5.0, 5.0, 7.0, 0.5), (5.0, 7.0, 6.0, 0.1)]


def test_a_fade_from_black_gets_the_state_of_its_end():
    fade = [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    assert play(fade) == ([["none"], ["none"], [], [], [], [], [], [], [4.0] * 7, [4.0]], [])


def test_it_is_followed_backwards():
    functions = Held()
    follower = StateFollower(functions, 3)
    for time, value in ((0.0, 0.0), (0.1, 1.0), (0.3, 2.0), (0.6, 3.0)):
        follower.push(time, value)
    assert functions.calls[1:] == [(None, None, 3.0, 0.0), (3.0, 3.0, 2.0, 0.3), (3.0, 2.0, 1.0, 0.2)]
    follower.push(0.7, 9.0)
    assert functions.calls[-1] == (3.0, 3.0, 9.0, 0.1)  # and on from the last one


def test_a_fade_to_black_keeps_its_state_through_the_black():
    after, rest = play([4.0, 4.0, 4.0, 3.0, 2.0, 1.0, 0.0, 0.0])
    assert [*chain(*after)] == [4.0] * 8
    assert rest == []


def test_black_ends_the_wait():
    assert play([1.0, 2.0, 0.0, 3.0]) == ([[], [], [2.0, 2.0, 2.0], []], [3.0])


def test_waiting_has_limits():
    rising = [float(number) for number in range(1, 100)]
    after, _ = play(rising)
    assert [len(part) for part in after[:33]] == [0] * 32 + [33]  # four seconds
    after, _ = play(rising, most=7)
    assert [len(part) for part in after[:8]] == [0] * 6 + [7, 1]
    assert after[6] == [7.0] * 7


@pytest.mark.parametrize("seed", range(20))
def test_every_frame_gets_one_state_whatever_the_light_and_the_times(seed):
    generator = np.random.default_rng(seed)
    brightness = generator.integers(0, 4, 60).astype(float).tolist()
    times = np.cumsum(generator.choice([-0.1, 0.0, 0.04, 1.0], 60)).tolist()
    after, rest = play(brightness, times, most=int(generator.integers(1, 9)))
    assert len([*chain(*after)]) + len(rest) == 60


def test_times_that_go_back_are_no_time():
    functions = Held()
    follower = StateFollower(functions, 1)
    follower.push(5.0, 2.0)
    follower.push(4.0, 2.0)
    assert functions.calls[-1] == (2.0, 2.0, 2.0, 0.0)


def test_a_network_measures_and_renders_with_its_models_functions():
    network = TiledNetwork(
        dict, 0, None, lambda low: low.max(), lambda low, state, region, strength: low + strength * state
    )
    functions = NetworkStates(Held(), network)
    image = np.array([[[0, 51, 51]]], np.uint8)
    state, target = functions.measure(image), np.zeros_like(image)
    assert state == pytest.approx(0.2)
    functions.apply(image, 0.4, 0.5)(target, 0, 1)
    assert target.tolist() == [[[51, 102, 102]]]
    assert functions.steadiness(1.0, 2.0, 0.1) == 0.1
    assert functions.follow(None, None, 3.0, 0.0) == 3.0
