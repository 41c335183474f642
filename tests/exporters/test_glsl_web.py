"""Fragment shaders for pages: the statements of the passes, and a sampler for each texture that they read."""

import re

from zerokd.exporters.glsl_code import ShaderPass, build_passes
from zerokd.exporters.glsl_web import build_web_passes
from zerokd.exporters.traced_program import trace_model
from zerokd.models.nano_dce import NanoDce


def test_a_pass_is_a_shader():
    (web_pass,) = build_web_passes([ShaderPass("b", ("a_0", "c"), ("vec4 v0 = a_0(0, -1) + c(1, 0);",), "v0")])
    assert (web_pass["saves"], web_pass["reads"]) == ("b", ["a_0", "c"])
    assert web_pass["source"].startswith("#version 300 es\n")
    assert "uniform sampler2D a_0_texture;\nuniform sampler2D c_texture;" in web_pass["source"]
    assert "#define a_0(x, y) tap(a_0_texture, x, y)" in web_pass["source"]
    assert web_pass["source"].endswith("    vec4 v0 = a_0(0, -1) + c(1, 0);\n    result = v0;\n}\n")


def test_every_texture_that_is_read_was_written_before():
    known = {"low_0"}
    for shader_pass in build_web_passes(build_passes(trace_model(NanoDce().eval()))):
        assert set(shader_pass["reads"]) <= known
        assert set(re.findall(r"sampler2D (\w+)_texture", shader_pass["source"])) == set(shader_pass["reads"])
        known.add(shader_pass["saves"])
