"""Shader passes: one for each texture, and no more than a graphics card can read."""

import pytest

from zerokd.exporters.glsl_code import build_passes
from zerokd.exporters.traced_program import UntraceableError, trace_model
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp


def test_the_student_is_three_passes():
    passes = build_passes(trace_model(NanoDce().eval()))
    assert [shader_pass.input_textures for shader_pass in passes] == [("low_0",), ("relu_0",), ("low_0", "relu_1_0")]
    assert [shader_pass.output_texture for shader_pass in passes[:2]] == ["relu_0", "relu_1_0"]
    assert "low_0(-1, -1)" in passes[0].statements[0]
    assert "strength" in " ".join(passes[2].statements)
    assert all(
        line.startswith("vec4 v") and line.endswith(";") for shader_pass in passes for line in shader_pass.statements
    )


def test_a_layer_of_eight_channels_is_two_textures():
    passes = build_passes(trace_model(ZeroDcePp(width=8).eval()))
    assert len(passes) == 6 * 2 + 1
    assert (
        passes[-1].input_textures[:2] == ("relu_0", "relu_1") or len(passes[-1].input_textures) == 5
    )  # x1, x6 and the picture


def test_channels_that_share_a_texture_cannot_be_taken_apart():
    with pytest.raises(UntraceableError, match="not a multiple of 4"):
        build_passes(trace_model(ZeroDcePp(width=6).eval()))


def test_more_textures_than_there_are_units():
    with pytest.raises(UntraceableError, match="reads 18 textures; shaders can read 16"):
        build_passes(trace_model(ZeroDcePp(width=36).eval()))
