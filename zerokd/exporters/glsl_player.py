"""auto_exposure as a user shader of libplacebo: compute shaders measure each frame, then passes compute its pixels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from string import Template

import numpy as np
import torch

from zerokd.exporters.auto_exposure_code import list_constants
from zerokd.exporters.glsl_auto_exposure import INPUT_TEXTURE, MAP_TEXTURE, STATE_VALUES, build_auto_exposure_passes
from zerokd.exporters.glsl_code import ShaderPass, format_float
from zerokd.exporters.glsl_interpreter import run_passes
from zerokd.models.auto_exposure import AutoExposure
from zerokd.models.brightness_map import MAP_RADIUS, MAP_SIDE
from zerokd.models.exposure_state import BINS, measure_exposure_state

MAX_BLOCKS = 131072  # of 16x16 pixels: 8192x4096; the noise of larger images is measured in their upper part
HALF_SIZE = "//!WIDTH HOOKED.w HOOKED.w 2 % + 2 /\n//!HEIGHT HOOKED.h HOOKED.h 2 % + 2 /"  # rounded up
READ_INPUT = """\
/* In levels of 8 bits: those of a player's 16-bit floats would fall into wrong bins of the histogram. */
vec3 low(ivec2 at) {
    vec4 texel = HOOKED_mul * texelFetch(HOOKED_raw, clamp(at, ivec2(0), ivec2(HOOKED_size) - 1), 0);
    return floor(texel.xyz * 255.0 + 0.5) / 255.0;
}"""
READ_TEXTURE = """\
#define $name(x, y) \
(${texture}_mul * texelFetch(${texture}_raw, clamp(at * $divisor / $from + ivec2(x, y), ivec2(0), \
ivec2(${texture}_size) - 1), 0))"""
READ_MAP = f"#define {MAP_TEXTURE}(x, y) zerokd_zones[int(y) * {MAP_SIDE} + int(x)]"
PASS = """\
//!DESC zerokd pass $name
//!HOOK MAIN
//!BIND HOOKED
//!BIND AUTO_EXPOSURE_STATE
$headers
$macros
vec4 hook() {
    ivec2 size = (ivec2(HOOKED_size) + $divisor - 1) / $divisor, at = ivec2(HOOKED_pos * vec2(size));
#define extent vec2(size)
#define pixel vec2(at)
#define side (vec2(at & 1) * 2.0 - 1.0)
$statements
    return $result;
}
"""


def generate_player_shader(model: AutoExposure, strength: float, frame_rate: float) -> str:
    """The text of the user shader. Its state lies in a buffer that the player does not change."""
    passes = build_auto_exposure_passes(model)
    divisors = {shader_pass.output_texture: shader_pass.divisor for shader_pass in passes}
    declarations = [f"{type_} {name} = zerokd_{name};" for name, type_ in STATE_VALUES.items()]
    declarations += [
        f"float strength = {format_float(strength)};",
        f"float denoise = {format_float(model.config.denoise)};",
    ]
    return _generate_measurement(model, frame_rate) + "\n".join(
        _generate_pass(part, divisors, declarations) for part in passes
    )


def _generate_measurement(model: AutoExposure, frame_rate: float) -> str:
    text = files("zerokd.exporters").joinpath("glsl_measure.txt").read_text(encoding="utf-8")
    sizes = {"side": MAP_SIDE, "cells": MAP_SIDE**2, "bins": BINS, "blocks": MAX_BLOCKS, "window": 2 * MAP_RADIUS + 1}
    first, *bodies = text.split("$constants\n")
    constants = list_constants(model) | {"FRAME_RATE": float(frame_rate)}
    parts = [first]
    for body in bodies:
        used = [name for name in constants if re.search(rf"\b{name}\b", body)]
        parts += [*(_declare_constant(name, constants[name]) for name in used), body]
    return Template("".join(parts)).substitute(sizes, read=READ_INPUT, half_size=HALF_SIZE)


def _declare_constant(name: str, value: float | int) -> str:
    return f"const {f'int {name} = {value}' if isinstance(value, int) else f'float {name} = {format_float(value)}'};\n"


def _generate_pass(shader_pass: ShaderPass, divisors: Mapping[str, int], declarations: Iterable[str]) -> str:
    headers, macros = [], []
    for name in shader_pass.input_textures:
        texture = "HOOKED" if name == INPUT_TEXTURE else f"ZEROKD_{name.upper()}"
        sizes = {"divisor": str(shader_pass.divisor), "from": str(divisors.get(name, 1))}
        headers += [f"//!BIND {texture}"] if name in divisors else []
        macros.append(
            READ_MAP if name == MAP_TEXTURE else Template(READ_TEXTURE).substitute(sizes, name=name, texture=texture)
        )
    if shader_pass.divisor > 1:
        headers += [f"//!SAVE ZEROKD_{shader_pass.output_texture.upper()}", "//!COMPONENTS 4", HALF_SIZE]
    return Template(PASS).substitute(
        name=shader_pass.output_texture,
        headers="\n".join(headers),
        macros="\n".join(macros),
        divisor=shader_pass.divisor,
        statements="\n".join(f"    {statement}" for statement in (*declarations, *shader_pass.statements)),
        result=shader_pass.result,
    )


def is_player_shader(text: str) -> bool:
    """Whether :func:`generate_player_shader` wrote it."""
    return "//!BUFFER AUTO_EXPOSURE_STATE" in text


def run_player_shader(text: str, low: np.ndarray) -> np.ndarray:
    """The result (3, H, W) of the passes for an image (3, H, W), float32; PyTorch measures its state."""
    exposure = float(re.findall(r"const float EXPOSURE = (.*);", text)[0])
    state = measure_exposure_state(torch.from_numpy(low)[None], exposure)
    measured = {"noise": state.noise, "noisy": state.noisy, "curve": state.strength, "lift": state.lift}
    values = {f"zerokd_{name}": value[0].numpy() for name, value in measured.items()}
    tables = {MAP_TEXTURE: torch.cat([state.slope, state.offset], 1)[0].numpy()}
    passes = []
    for block in text.split("//!DESC zerokd pass ")[1:]:
        passes.append(
            ShaderPass(
                output_texture=block.partition("\n")[0],
                input_textures=tuple(re.findall(r"#define (\w+)\(x, y\)", block)),
                statements=tuple(re.findall(r"^    ((?:float|vec\d) .*;)$", block, re.MULTILINE)),
                result=re.findall(r"^    return (.*);$", block, re.MULTILINE)[0],
                divisor=2 if HALF_SIZE in block else 1,
                repeats_border=True,
            )
        )
    return run_passes(passes, low, INPUT_TEXTURE, values, tables)
