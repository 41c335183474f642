"""C code for auto_exposure: one pass that measures the whole image, then one that computes pixels row by row."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from string import Template

import numpy as np

from zerokd.exporters.c_code import format_float32
from zerokd.models import auto_exposure as pixels
from zerokd.models import brightness_map as zones
from zerokd.models import exposure_over_time, pyramid
from zerokd.models import exposure_state as state
from zerokd.models import reinhard_curve as curve
from zerokd.models.auto_exposure import AutoExposure

PIXEL_TYPES = {"u8": "uint8_t", "u16": "uint16_t", "f32": "float"}
BUFFER_BYTES = 4 * 280 * (6 * 2 * 32 + 23 * 16 + 13 * 2 + 2)  # of the struct of buffers: rows of 280 floats
FEATURES, GAINS = 7, 6  # of the network
PARAMETERS = "int width, int height, ${name}_layout layout"
DECLARATIONS = """\
int ${name}_$key(const $type *in, $type *out, $parameters, float strength);
int ${name}_measure_$key(const $type *in, $parameters, ${name}_state *state);
int ${name}_apply_${key}_rows(const $type *in, $type *out, $parameters, const ${name}_state *state,
                          float strength, int first, int last);
"""
DEFINITIONS = """\
int ${name}_measure_$key(const $type *in, $parameters, ${name}_state *state) {
    return ${name}_measure(in, ${name}_is_$key, width, height, layout, state);
}

int ${name}_apply_${key}_rows(const $type *in, $type *out, $parameters, const ${name}_state *state,
                          float strength, int first, int last) {
    return ${name}_apply(in, out, ${name}_is_$key, width, height, layout, state, strength, first, last);
}

int ${name}_$key(const $type *in, $type *out, $parameters, float strength) {
    ${name}_state state;
    if (${name}_measure(in, ${name}_is_$key, width, height, layout, &state)) return -1;
    return ${name}_apply(in, out, ${name}_is_$key, width, height, layout, &state, strength, 0, height);
}
"""


def generate_auto_exposure_header(model: AutoExposure, name: str, description: str) -> str:
    """A C99 header; ``name`` prefixes everything in it, ``description`` goes into its first comment."""
    constants = list_constants(model)
    substitutions = {
        "about": description.replace("*/", "* /"),
        "kilobytes": -(-BUFFER_BYTES // 1024),
        "constants": "\n".join(_define_constants(constants)),
        "pointers": "\n".join(f"    {line}" for line in _declare_pointers()),
        "network": "\n".join(f"        {line}" for line in _unroll_network(model)),
        "undefined": "\n".join(f"#undef {key}" for key in constants),
        "declarations": _repeat_for_types(DECLARATIONS),
        "definitions": _repeat_for_types(DEFINITIONS),
    }
    text = files("zerokd.exporters").joinpath("c_auto_exposure.txt").read_text(encoding="utf-8")
    return Template(Template(text).safe_substitute(substitutions)).substitute(name=name, NAME=name.upper())


def list_constants(model: AutoExposure) -> dict[str, float | int]:
    """The numbers of the model's formulas by their names in C."""
    config = model.config
    numbers: dict[str, float | int] = dict(
        zip(("LUMA_RED", "LUMA_GREEN", "LUMA_BLUE"), pyramid.LUMA_WEIGHTS, strict=True)
    )
    numbers |= {"EXPOSURE": config.exposure, "LIFT": config.lift, "DENOISE": config.denoise}
    for module in (pixels, zones, state, curve, exposure_over_time):
        for key, value in vars(module).items():
            if key.isupper() and isinstance(value, int | float):
                numbers[key] = value
    for key, names in {
        "NOISY_RANGE": ("NOISY_FIRST", "NOISY_LAST"),
        "LAMP_RANGE": ("LAMP_FIRST", "LAMP_LAST"),
        "NIGHT_RANGE": ("NIGHT_FIRST", "NIGHT_LAST"),
        "BLOCK_RANGE": ("BLOCK_DARKEST", "BLOCK_BRIGHTEST"),
        "DARK_ZONE": ("DARK_ZONE_FIRST", "DARK_ZONE_LAST"),
        "BRIGHT_ZONE": ("BRIGHT_ZONE_FIRST", "BRIGHT_ZONE_LAST"),
        "DARK_SHARE": ("DARK_SHARE_FIRST", "DARK_SHARE_LAST"),
        "BRIGHT_SHARE": ("BRIGHT_SHARE_FIRST", "BRIGHT_SHARE_LAST"),
    }.items():
        numbers |= dict(zip(names, getattr(state, key), strict=True))
    for key, names in {
        "LUMA_NOISE_RANGE": ("LUMA_NOISE_FIRST", "LUMA_NOISE_LAST"),
        "SHOWN_NOISE_RANGE": ("SHOWN_NOISE_FIRST", "SHOWN_NOISE_LAST"),
    }.items():
        numbers |= dict(zip(names, getattr(pixels, key), strict=True))
    unused = {"MAP_SIDE", "BLOCK", "ROWS", "COLUMNS", "LEVEL", "BINS"}
    numbers["MAP_CELLS"] = (2 * zones.MAP_RADIUS + 1) ** 2
    return {key: value for key, value in numbers.items() if key not in unused}


def _define_constants(constants: dict[str, float | int]) -> Iterator[str]:
    for key, value in constants.items():
        yield f"#define {key} {value if isinstance(value, int) else format_float32(value)}"


def _declare_pointers() -> Iterator[str]:
    for k in range(FEATURES):
        yield f"const float *const feature{k} = features[{k}];"
    for k in range(GAINS):
        yield f"float *const gain{k} = gains[{k}];"


def _unroll_network(model: AutoExposure) -> Iterator[str]:
    """Statements for one pixel: compilers vectorise the loop over pixels if no other loop is in it."""
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    hidden, gains = (state[f"{layer}.weight"][:, :, 0, 0] for layer in ("hidden", "gains"))
    hidden_bias, gain_bias = (state[f"{layer}.bias"] for layer in ("hidden", "gains"))
    for k in range(hidden.shape[1]):
        yield f"const float f{k} = feature{k}[x];"
    for h, row in enumerate(hidden):
        yield f"const float a{h} = {_format_sum(hidden_bias[h], row, 'f')};"
        yield f"const float h{h} = a{h} > 0.0f ? a{h} : 0.0f;"
    for k, row in enumerate(gains):
        yield f"const float b{k} = {_format_sum(gain_bias[k], row, 'h')};"
        yield f"gain{k}[x] = ${{name}}_clamp(-1.44269504f * b{k}, -126.0f, 126.0f);"


def _format_sum(bias: float, row: np.ndarray, prefix: str) -> str:
    products = (f"{format_float32(weight)}*{prefix}{i}" for i, weight in enumerate(row))
    return " + ".join([format_float32(bias), *products]).replace("+ -", "- ")


def _repeat_for_types(text: str) -> str:
    with_parameters = text.replace("$parameters", PARAMETERS)
    return "\n".join(
        Template(with_parameters).safe_substitute(key=key, type=type_) for key, type_ in PIXEL_TYPES.items()
    )
