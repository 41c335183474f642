"""Shader passes for auto_exposure: eight at half size, then one at full size. The state of the whole image is given.

Textures hold roots of energies: in 16-bit floats, which players use, the squares of faint noise would be lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

import numpy as np

from zerokd.exporters.auto_exposure_code import list_constants, unroll_network
from zerokd.exporters.glsl_code import ShaderPass, format_float
from zerokd.exporters.glsl_filters import blur_expression, declare_taps, downsample_expression, upsample_expression
from zerokd.models.auto_exposure import AutoExposure
from zerokd.models.pyramid import LUMA_WEIGHTS

INPUT_TEXTURE = "low"
MAP_TEXTURE = "zones"  # MAP_SIDE cells on a side, each with its slope and offset; it is read by column and row
STATE_VALUES = {"noise": "vec4", "noisy": "float", "curve": "float", "lift": "float"}  # of ExposureState
USER_VALUES = {"strength": "float", "denoise": "float"}


def build_auto_exposure_passes(model: AutoExposure) -> tuple[ShaderPass, ...]:
    """The passes in order; the last one gives the enhanced image.

    They read the texture ``low``, the texture ``zones``, ``STATE_VALUES`` and ``USER_VALUES``.
    """
    constants = list_constants(model)
    texts = dict([*_write_bands(), *_write_gains(model), ("enhanced", _write_pixel())])
    texture_names = re.compile(rf"\b({'|'.join((INPUT_TEXTURE, MAP_TEXTURE, *texts))})\(")
    passes = []
    for name, text in texts.items():
        *statements, result = (line.strip() for line in text.strip().splitlines())
        names = [name for name in constants if re.search(rf"\b{name}\b", text)]
        numbers = [f"float {name} = {format_float(constants[name])}" for name in names]
        passes.append(
            ShaderPass(
                output_texture=name,
                input_textures=tuple(dict.fromkeys(texture_names.findall(text))),
                statements=tuple(f"{statement};" for statement in (*numbers, *statements)),
                result=result,
                divisor=1 if name == "enhanced" else 2,
                repeats_border=True,
            )
        )
    return tuple(passes)


def _write_bands() -> Iterator[tuple[str, str]]:
    """Passes: three resolutions of luma and chroma, and the energies of the bands between them.

    The text of a pass is declarations, and in the last line the result.
    """
    corners = [f"{x}{y}" for y, x in product((0, 1), repeat=2)]
    yield "planes", f"vec4({TO_PLANES} * ({downsample_expression('low')}).xyz, 1.0)"
    yield "blurred", blur_expression("planes({x}, {y})")
    yield "base", blur_expression("blurred({x}, {y})", 2)
    fine = "\n".join(
        f"vec3 fine{x}{y} = {TO_PLANES} * low({x}, {y}).xyz - ({upsample_expression('planes', x or -1, y or -1)}).xyz"
        for y, x in product((0, 1), repeat=2)
    )
    yield (
        "energies",
        f"""
        {fine}
        vec3 square = 0.25 * ({" + ".join(f"fine{corner} * fine{corner}" for corner in corners)})
        vec3 middle = planes(0, 0).xyz - blurred(0, 0).xyz
        vec3 middle_square = middle * middle
        vec2 chroma = 0.5 * vec2(square.y + square.z, middle_square.y + middle_square.z)
        sqrt(vec4(square.x, chroma.x, middle_square.x, chroma.y))""",
    )
    yield (
        "features",
        f"""
        vec4 energy = {blur_expression("energies({x}, {y}) * energies({x}, {y})")}
        log2(energy / (noise * noise + vec4(MIN_NOISE_VARIANCE)) + vec4(FEATURE_FLOOR))""",
    )
    coarse = declare_taps("vec3 coarse{k} = blurred({x}, {y}).xyz - base({x}, {y}).xyz", 2)
    yield (
        "coarse_features",
        f"""
        {coarse}
        vec3 square = {blur_expression("coarse{k} * coarse{k}")}
        vec2 energy = vec2(square.x, 0.5 * (square.y + square.z))
        vec2 scaled = energy / (noise.zw * noise.zw + vec2(MIN_NOISE_VARIANCE)) + vec2(FEATURE_FLOOR)
        float brightness = log2(clamp(base(0, 0).x, 0.0, 1.0) * 255.0 + 4.0) - 4.0
        vec4(log2(scaled), brightness, 1.0)""",
    )


def _write_gains(model: AutoExposure) -> Iterator[tuple[str, str]]:
    """Passes: the network. One pass has no room for all that depends on it."""
    statements = [f"float f{k} = features(0, 0).{axis}" for k, axis in enumerate("xyzw")]
    statements += [f"float f{4 + k} = coarse_features(0, 0).{axis}" for k, axis in enumerate("xyz")]
    statements += [f"float {name} = {text}" for name, text in unroll_network(model, format_float, "max({0}, 0.0)")]
    statements += [
        *(f"float gain{k} = 1.0 / (1.0 + exp2(clamp(-{LOG2_E} * b{k}, -126.0, 126.0)))" for k in range(6)),
        f"float own = {_ramp('noise.x', 'LUMA_NOISE')}",
        f"float shown = {_ramp('noise.x * (1.0 + curve)', 'SHOWN_NOISE')}",
        "float share = denoise * (MIN_LUMA_SHARE + (1.0 - MIN_LUMA_SHARE) * max(own, shown))",
    ]
    network = "\n".join(statements)
    yield (
        "smoothed",
        f"""
        {network}
        vec2 middle_gain = vec2(1.0) - vec2(HALF_SIZE_LUMA_SHARE * share, denoise) * (vec2(1.0) - vec2(gain2, gain3))
        vec2 coarse_gain = vec2(1.0) - vec2(HALF_SIZE_LUMA_SHARE * share, denoise) * (vec2(1.0) - vec2(gain4, gain5))
        vec3 middle = middle_gain.xyy * (planes(0, 0).xyz - blurred(0, 0).xyz)
        vec3 detail = middle + coarse_gain.xyy * (blurred(0, 0).xyz - base(0, 0).xyz)
        vec3 sum = base(0, 0).xyz + detail
        float bound = MAX_CRISPNESS * max(min(sum.x, 1.0 - sum.x), 0.0)
        vec4(sum.x + clamp(CRISPNESS * detail.x, -bound, bound), sum.yz, 1.0 - share * (1.0 - gain0))""",
    )
    values = declare_taps("vec3 rgb{k} = " + TO_RGB + " * smoothed({x}, {y}).xyz")
    values += "\n" + declare_taps("float value{k} = clamp(max(max(rgb{k}.x, rgb{k}.y), rgb{k}.z), 0.0, 1.0)")
    yield (
        "light",
        f"""
        {network}
        {values}
        vec2 cell = clamp((pixel + vec2(0.5)) * (vec2(MAP_SIDE) / extent) - vec2(0.5), vec2(0.0), vec2(MAP_SIDE - 1.0))
        vec2 first = floor(cell)
        vec2 second = min(first + vec2(1.0), vec2(MAP_SIDE - 1.0))
        vec2 left = mix(zones(first.x, first.y).xy, zones(first.x, second.y).xy, cell.y - first.y)
        vec2 right = mix(zones(second.x, first.y).xy, zones(second.x, second.y).xy, cell.y - first.y)
        vec2 line = mix(left, right, cell.x - first.x)
        float zone = exp2(line.x * log2(value4 + LOG_OFFSET) + {LOG2_E} * line.y) - LOG_OFFSET
        float around = {blur_expression("value{k}")}
        vec4(1.0 - denoise * (1.0 - gain1), value4, zone, around)""",
    )


def _write_pixel() -> str:
    """The text of the last pass."""
    return f"""
        vec4 half_size = {upsample_expression("smoothed", "side.x", "side.y")}
        vec4 lit = {upsample_expression("light", "side.x", "side.y")}
        vec3 image = low(0, 0).xyz
        vec3 fine = {TO_PLANES} * image - ({upsample_expression("planes", "side.x", "side.y")}).xyz
        float fade = lit.y / (lit.y + FADING_CHROMA * noisy + MIN_NOISE_VARIANCE)
        vec2 chroma = fade * (half_size.yz + lit.x * fine.yz)
        vec3 clean = clamp({TO_RGB} * vec3(half_size.x + half_size.w * fine.x, chroma), vec3(0.0), vec3(1.0))
        float value = max(max(clean.x, clean.y), clean.z)
        float zone = clamp(lit.z, 0.0, 1.0)
        float surroundings = min(max(zone, lit.w), RIM * value + LOG_OFFSET)
        float place = max(surroundings, OWN_SHARE * value) / HALF_STRENGTH_BRIGHTNESS
        float depth = zone / ZONE_BRIGHTNESS
        float lifted = LIFT * lift / (1.0 + depth * depth)
        float s = strength * max(curve, lifted) / (1.0 + place * place * place * place)
        vec3 mixed = image + s / (s + SMOOTHING_STRENGTH) * (clean - image)
        vec3 curved = mixed * (1.0 + s) / (vec3(1.0) + s * mixed)
        vec4(clamp(min(curved, max(image, vec3(WHITE))), vec3(0.0), vec3(1.0)), 1.0)"""


def _ramp(value: str, name: str) -> str:
    return f"clamp(({value} - {name}_FIRST) / ({name}_LAST - {name}_FIRST), 0.0, 1.0)"


def _format_mat3(matrix: np.ndarray) -> str:
    """GLSL writes matrices column by column."""
    return f"mat3({', '.join(map(format_float, matrix.T.ravel()))})"


LUMA = np.array(LUMA_WEIGHTS)
PLANES_OF_RGB = np.stack([LUMA, np.eye(3)[0] - LUMA, np.eye(3)[2] - LUMA])
TO_PLANES, TO_RGB = _format_mat3(PLANES_OF_RGB), _format_mat3(np.linalg.inv(PLANES_OF_RGB))
LOG2_E = format_float(np.log2(np.e))
