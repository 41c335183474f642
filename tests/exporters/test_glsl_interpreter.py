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


def test_types_axes_and_more_functions():
    enhanced = result(
        "vec4(sqrt(low) / 2.0, mix(0.0, 4.0, 0.25), floor(1.5))",
        "vec2 low = low_0(0, 0).zx;",
    )
    assert np.allclose(enhanced[0], np.sqrt(LOW[2]) / 2)
    assert np.allclose(enhanced[1], np.sqrt(LOW[0]) / 2)
    assert np.allclose(enhanced[2], 1)
    powers = result("vec4(log2(exp2(low_0(0, 0).x)), min(low_0(0, 0).yy, vec2(0.4)), 1.0)")
    assert np.allclose(powers, [LOW[0], np.minimum(LOW[1], 0.4), np.minimum(LOW[1], 0.4)], atol=1e-6)


def test_half_the_size_borders_and_tables():
    """Each of 2x3 pixels of half size reads from the first of its four; each of 3x5 from the one that covers it."""
    low = np.arange(45, dtype=np.float32).reshape(3, 3, 5)
    half = ShaderPass("half_size", ("low",), (), "low(1, 1)", divisor=2, repeats_border=True)
    halved = run_passes([half], low, "low", {})
    assert np.array_equal(halved[0], [[6, 8, 9], [11, 13, 14]])
    full = ShaderPass("full", ("half_size",), (), "half_size(side.x, 0)", repeats_border=True)
    assert np.array_equal(run_passes([half, full], low, "low", {})[0][0], [6, 8, 6, 9, 8])
    place = ShaderPass("place", ("table",), (), "vec4(table(pixel.y, pixel.x).x, pixel, extent.x)")
    table = np.arange(60, dtype=np.float32).reshape(1, 6, 10)
    placed = run_passes([place], low, "low", {}, {"table": table})
    assert np.array_equal(placed[0], table[0, :5, :3].T)
    assert np.array_equal(placed[1], np.tile(np.arange(5), (3, 1)))
    assert np.array_equal(placed[2], np.tile(np.arange(3)[:, None], (1, 5)))


@pytest.mark.parametrize("text", ["discard(1.0)", "low_0(0, 0) if 1 else 2", "v9"])
def test_anything_else_is_an_error(text):
    with pytest.raises((ValueError, KeyError)):
        result(text)
