"""Fragment shaders for pages: the statements of the passes, and a sampler for each texture that they read."""

import re

from zerokd.exporters.glsl_code import ShaderPass, build_passes
from zerokd.exporters.glsl_web import build_web_passes
from zerokd.exporters.traced_program import trace_model
from zerokd.models.nano_dce import NanoDce


def test_a_pass_is_a_shader():
    shader_pass = ShaderPass("b", ("a_0", "c"), ("vec4 v0 = a_0(0, -1) + c(1, 0);",), "v0")
    (web_pass,) = build_web_passes([shader_pass], {"strength": "float"})
    assert (web_pass["saves"], web_pass["reads"], web_pass["divisor"]) == ("b", ["a_0", "c"], 1)
    assert web_pass["values"] == []
    assert web_pass["source"].startswith("#version 300 es\n")
    assert "uniform float strength;\nuniform vec2 extent;\n" in web_pass["source"]
    assert (
        "uniform sampler2D a_0_texture;\n#define a_0(x, y) tap(a_0_texture, at * 1 / 1 + ivec2(x, y))"
        in (web_pass["source"])
    )
    assert web_pass["source"].endswith("    vec4 v0 = a_0(0, -1) + c(1, 0);\n    result = v0;\n}\n")


def test_sizes_borders_and_tables():
    small = ShaderPass("small", ("low",), (), "low(0, 0)", divisor=2, repeats_border=True)
    full = ShaderPass("full", ("small", "table"), ("float w = 2.0 * b;",), "small(0, 0) + a * w * table(3, 4)")
    web_passes = build_web_passes([small, full], {"a": "float", "b": "float", "w2": "float"}, ("table",))
    assert [web_pass["values"] for web_pass in web_passes] == [[], ["a", "b"]]
    sources = [web_pass["source"] for web_pass in web_passes]
    assert "tap(low_texture, at * 2 / 1 + ivec2(x, y))" in sources[0]
    assert "tap(small_texture, at * 1 / 2 + ivec2(x, y))" in sources[1]
    assert "#define table(x, y) texelFetch(table_texture, ivec2(x, y), 0)" in sources[1]
    assert ["vec4(0.0)" in source for source in sources] == [False, True]


def test_every_texture_that_is_read_was_written_before():
    known = {"low_0"}
    for shader_pass in build_web_passes(build_passes(trace_model(NanoDce().eval())), {"strength": "float"}):
        assert set(shader_pass["reads"]) <= known
        assert set(re.findall(r"sampler2D (\w+)_texture", shader_pass["source"])) == set(shader_pass["reads"])
        known.add(shader_pass["saves"])
