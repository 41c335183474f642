"""Shader passes: one for each texture, and no more than a graphics card can read."""

import pytest

from zerokd.exporters.glsl_code import build_passes
from zerokd.exporters.traced_program import UntraceableError, trace_model
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp


def test_the_student_is_three_passes():
    order = build_passes(trace_model(NanoDce().eval()))
    assert [one.input_textures for one in order] == [("low_0",), ("relu_0",), ("low_0", "relu_1_0")]
    assert [one.output_texture for one in order[:2]] == ["relu_0", "relu_1_0"]
    assert "low_0(-1, -1)" in order[0].statements[0]
    assert "strength" in " ".join(order[2].statements)
    assert all(line.startswith("vec4 v") and line.endswith(";") for one in order for line in one.statements)


def test_a_layer_of_eight_channels_is_two_textures():
    order = build_passes(trace_model(ZeroDcePp(width=8).eval()))
    assert len(order) == 6 * 2 + 1
    assert (
        order[-1].input_textures[:2] == ("relu_0", "relu_1") or len(order[-1].input_textures) == 5
    )  # x1, x6 and the picture


def test_channels_that_share_a_texture_cannot_be_taken_apart():
    with pytest.raises(UntraceableError, match="no multiple of 4"):
        build_passes(trace_model(ZeroDcePp(width=6).eval()))


def test_more_textures_than_there_are_units():
    with pytest.raises(UntraceableError, match="reads 18 textures; 16 are possible"):
        build_passes(trace_model(ZeroDcePp(width=36).eval()))
