"""Shader passes as fragment shaders of WebGL 2, for pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypedDict

from zerokd.exporters.glsl_code import ShaderPass

SHADER_HEADER = """#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
out vec4 result;
vec4 tap(sampler2D image, ivec2 at) {
    ivec2 last = textureSize(image, 0) - 1;
    ivec2 nearest = clamp(at, ivec2(0), last);
    return OUTSIDE texelFetch(image, nearest, 0);
}
"""
ZERO_OUTSIDE = "nearest != at ? vec4(0.0) : "
PLACE = """    ivec2 at = ivec2(gl_FragCoord.xy);
    vec2 pixel = vec2(at);
    vec2 side = vec2(at & 1) * 2.0 - 1.0;"""


class WebPass(TypedDict):
    """A pass as the page's script reads it: ``source`` computes the texture ``saves`` from those in ``reads``.

    ``divisor`` is as in :class:`ShaderPass`. ``values`` are the names of the uniforms that it depends on, but for the
    ``extent`` of its texture.
    """

    saves: str
    reads: list[str]
    values: list[str]
    divisor: int
    source: str


def build_web_passes(
    shader_passes: Iterable[ShaderPass], uniforms: Mapping[str, str], tables: Iterable[str] = ()
) -> list[WebPass]:
    """The passes with their fragment shaders, which read textures as samplers ``<name>_texture``.

    Args:
        uniforms: the types of the values that passes read by name.
        tables: textures that they read by column and row.
    """
    shader_passes = tuple(shader_passes)
    divisors = {shader_pass.output_texture: shader_pass.divisor for shader_pass in shader_passes}
    declarations = "".join(f"uniform {type_} {name};\n" for name, type_ in {**uniforms, "extent": "vec2"}.items())
    return [
        WebPass(
            saves=shader_pass.output_texture,
            reads=list(shader_pass.input_textures),
            values=[name for name in uniforms if _mentions(shader_pass, name)],
            divisor=shader_pass.divisor,
            source=_generate_source(shader_pass, divisors, declarations, frozenset(tables)),
        )
        for shader_pass in shader_passes
    ]


def _mentions(shader_pass: ShaderPass, name: str) -> bool:
    return re.search(rf"\b{name}\b", "\n".join([*shader_pass.statements, shader_pass.result])) is not None


def _generate_source(
    shader_pass: ShaderPass, divisors: Mapping[str, int], declarations: str, tables: frozenset[str]
) -> str:
    lines = []
    for name in shader_pass.input_textures:
        place = f"at * {shader_pass.divisor} / {divisors.get(name, 1)} + ivec2(x, y)"
        read = f"texelFetch({name}_texture, ivec2(x, y), 0)" if name in tables else f"tap({name}_texture, {place})"
        lines += [f"uniform sampler2D {name}_texture;", f"#define {name}(x, y) {read}"]
    body = [f"    {line}" for line in shader_pass.statements] + [f"    result = {shader_pass.result};"]
    header = SHADER_HEADER.replace("OUTSIDE ", "" if shader_pass.repeats_border else ZERO_OUTSIDE)
    return header + declarations + "\n".join([*lines, "void main() {", PLACE, *body, "}", ""])
