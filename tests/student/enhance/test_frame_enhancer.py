"""With states where the student has them and they are wanted; the limit on frames that wait."""

import numpy as np

from tests.student.enhance.test_states import Held
from zerokd.student.enhance.engines import Engine
from zerokd.student.enhance.frame_enhancer import StatefulEnhancer, create_frame_enhancer


class Adding(Held):
    """Adds the state."""

    def apply(self, image, state, strength):
        def compute_band(target, first, last):
            target[first:last] = image[first:last] + int(strength * state)

        return compute_band


def prepare_image(image, strength):
    return Adding().apply(image, 10, strength)


IMAGE = np.full((4, 5, 3), 20, np.uint8)


def test_a_student_without_states_and_frame_by_frame_measure_each_frame():
    for states, frame_by_frame in ((None, False), (Adding(), True)):
        enhance = create_frame_enhancer(Engine("torch", "", prepare_image, states=states), 0.5, 1, frame_by_frame)
        assert (enhance(IMAGE) == 25).all()


def test_states_render_with_the_strength():
    states = Adding()
    enhance = create_frame_enhancer(Engine("torch", "", prepare_image, states=states), 0.5, 2, False)
    assert isinstance(enhance, StatefulEnhancer)
    assert enhance.functions is states
    assert (enhance.render(IMAGE, 40.0) == 40).all()


def test_fewer_large_frames_wait():
    enhancer = StatefulEnhancer(Held(), lambda pixels, state: pixels)
    rising = [1.0 + number for number in range(200)]
    for pixels, expected in ((1920 * 1080, 64), (2**26, 2), (10**9, 1)):
        follower = enhancer.create_follower(pixels)
        counts = [len(follower.push(0.0, value)) for value in rising[:expected]]
        assert counts == [0] * (expected - 1) + [expected]
