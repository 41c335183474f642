"""The little that shaders and Python share is computed as GLSL says."""

import numpy as np
import pytest

from zerokd.exporters.glsl_code import ShaderPass
from zerokd.exporters.glsl_interpreter import run_passes

LOW = np.arange(12, dtype=np.float32).reshape(3, 2, 2) / 12


def result(text, *lines, strength=1.0):
    return run_passes([ShaderPass("result", ("low_0",), lines, text)], LOW, "low_0", {"strength": strength})


def test_arithmetic_on_channels():
    enhanced = result("v0 * vec4(2.0, 1.0, 0.0, 0.0) - vec4(0.5)", "vec4 v0 = low_0(0, 0) + vec4(1.0);")
    assert np.allclose(enhanced[0], 2 * (LOW[0] + 1) - 0.5)
    assert np.allclose(enhanced[2], -0.5)


def test_a_matrix_is_written_column_by_column():
    entries = ", ".join(["0.0, 1.0, 0.0, 0.0", "2.0, 0.0, 0.0, 0.0", "0.0, 0.0, 3.0, 0.0", "0.0, 0.0, 0.0, 1.0"])
    enhanced = result(f"mat4({entries}) * low_0(0, 0)")
    assert np.allclose(enhanced, [2 * LOW[1], LOW[0], 3 * LOW[2]])


def test_the_first_number_goes_right_the_second_down_and_beyond_lie_zeros():
    enhanced = result("low_0(1, 0)")
    assert np.array_equal(enhanced[0], [[LOW[0, 0, 1], 0], [LOW[0, 1, 1], 0]])
    assert np.array_equal(result("low_0(0, -1)")[0], [[0, 0], LOW[0, 0]])
    assert not result("low_0(2, 0)").any()


def test_functions():
    assert np.allclose(result("max(-low_0(0, 0), vec4(-0.25))")[0], np.maximum(-LOW[0], -0.25))
    assert np.allclose(result("tanh(low_0(0, 0))"), np.tanh(LOW))
    assert np.allclose(
        result("clamp(low_0(0, 0) * strength, vec4(0.1), vec4(0.3))", strength=2.0), np.clip(2 * LOW, 0.1, 0.3)
    )


@pytest.mark.parametrize("text", ["discard(1.0)", "low_0(0, 0) if 1 else 2", "v9"])
def test_anything_else_is_an_error(text):
    with pytest.raises((ValueError, KeyError)):
        result(text)
