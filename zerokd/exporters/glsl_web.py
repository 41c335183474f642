"""The shader passes as fragment shaders of WebGL 2, for pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zerokd.exporters.glsl_code import ShaderPass

SHADER_HEADER = """#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
uniform float strength;
out vec4 result;
vec4 tap(sampler2D image, int x, int y) {
    ivec2 at = ivec2(gl_FragCoord.xy) + ivec2(x, y);
    ivec2 size = textureSize(image, 0);
    bool inside = at.x >= 0 && at.y >= 0 && at.x < size.x && at.y < size.y;
    return inside ? texelFetch(image, at, 0) : vec4(0.0);
}
"""


def build_web_passes(shader_passes: Iterable[ShaderPass]) -> list[dict[str, Any]]:
    """For each pass the texture that it ``saves``, those that it ``reads`` as samplers ``<name>_texture``, and its
    ``source``."""
    return [
        {
            "saves": shader_shader_pass.output_texture,
            "reads": list(shader_shader_pass.input_textures),
            "source": _generate_source(shader_shader_pass),
        }
        for shader_shader_pass in shader_passes
    ]


def _generate_source(shader_pass: ShaderPass) -> str:
    access = [f"uniform sampler2D {name}_texture;" for name in shader_pass.input_textures]
    access += [f"#define {name}(x, y) tap({name}_texture, x, y)" for name in shader_pass.input_textures]
    body = [f"    {line}" for line in shader_pass.statements] + [f"    result = {shader_pass.result};"]
    return SHADER_HEADER + "\n".join([*access, "void main() {", *body, "}", ""])
