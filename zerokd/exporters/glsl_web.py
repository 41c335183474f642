"""Shader passes as fragment shaders of WebGL 2, for pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

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


class WebPass(TypedDict):
    """A pass as the page's script reads it: ``source`` computes the texture ``saves`` from those in ``reads``."""

    saves: str
    reads: list[str]
    source: str


def build_web_passes(shader_passes: Iterable[ShaderPass]) -> list[WebPass]:
    """The passes with their fragment shaders, which read textures as samplers ``<name>_texture``."""
    return [
        WebPass(
            saves=shader_pass.output_texture,
            reads=list(shader_pass.input_textures),
            source=_generate_source(shader_pass),
        )
        for shader_pass in shader_passes
    ]


def _generate_source(shader_pass: ShaderPass) -> str:
    declarations = [f"uniform sampler2D {name}_texture;" for name in shader_pass.input_textures]
    declarations += [f"#define {name}(x, y) tap({name}_texture, x, y)" for name in shader_pass.input_textures]
    body = [f"    {line}" for line in shader_pass.statements] + [f"    result = {shader_pass.result};"]
    return SHADER_HEADER + "\n".join([*declarations, "void main() {", *body, "}", ""])
