"""C code for auto_exposure: one pass that measures the whole image, then one that computes pixels row by row."""

from __future__ import annotations

from collections.abc import Iterator
from string import Template

from zerokd.exporters.auto_exposure_code import FEATURES, GAINS, list_constants, unroll_network
from zerokd.exporters.c_text import fill_header, format_float32
from zerokd.models.auto_exposure import AutoExposure

PIXEL_TYPES = {"u8": "uint8_t", "u16": "uint16_t", "f32": "float"}
BUFFER_BYTES = 4 * 280 * (6 * 2 * 32 + 23 * 16 + 13 * 2 + 2)  # of the struct of buffers: rows of 280 floats
OWN_SIZES = ("MAP_SIDE", "BLOCK", "BINS")  # literals in the text
RELU = "{0} > 0.0f ? {0} : 0.0f"
PARAMETERS = "int width, int height, ${name}_layout layout"
DECLARATIONS = """\
int ${name}_$key(const $type *in, $type *out, $parameters, float strength);
int ${name}_measure_$key(const $type *in, $parameters, ${name}_state *state);
int ${name}_apply_${key}_rows(const $type *in, $type *out, $parameters, const ${name}_state *state,
                          float strength, int first, int last);
"""
DEFINITIONS = """\
int ${name}_measure_$key(const $type *in, $parameters, ${name}_state *state) {
    return ${name}_measure(in, ${name}_is_$key, width, height, layout, EXPOSURE, state);
}

int ${name}_apply_${key}_rows(const $type *in, $type *out, $parameters, const ${name}_state *state,
                          float strength, int first, int last) {
    return ${name}_apply(in, out, ${name}_is_$key, width, height, layout, state, DENOISE, strength, first, last);
}

int ${name}_$key(const $type *in, $type *out, $parameters, float strength) {
    ${name}_state state;
    if (${name}_measure(in, ${name}_is_$key, width, height, layout, EXPOSURE, &state)) return -1;
    return ${name}_apply(in, out, ${name}_is_$key, width, height, layout, &state, DENOISE, strength, 0, height);
}
"""


def generate_auto_exposure_header(model: AutoExposure, name: str, description: str) -> str:
    """A C99 header; ``name`` prefixes everything in it, ``description`` goes into its first comment."""
    constants = {key: value for key, value in list_constants(model).items() if key not in OWN_SIZES}
    substitutions = {
        "about": description.replace("*/", "* /"),
        "kilobytes": -(-BUFFER_BYTES // 1024),
        "constants": "\n".join(_define_constants(constants)),
        "pointers": "\n".join(f"    {line}" for line in _declare_pointers()),
        "network": "\n".join(f"        {line}" for line in _compute_gains(model)),
        "undefined": "\n".join(f"#undef {key}" for key in constants),
        "declarations": _repeat_for_types(DECLARATIONS),
        "definitions": _repeat_for_types(DEFINITIONS),
    }
    return fill_header("c_auto_exposure.txt", substitutions, name)


def _define_constants(constants: dict[str, float | int]) -> Iterator[str]:
    for key, value in constants.items():
        yield f"#define {key} {value if isinstance(value, int) else format_float32(value)}"


def _declare_pointers() -> Iterator[str]:
    for k in range(FEATURES):
        yield f"const float *const feature{k} = features[{k}];"
    for k in range(GAINS):
        yield f"float *const gain{k} = gains[{k}];"


def _compute_gains(model: AutoExposure) -> Iterator[str]:
    """Statements for one pixel: compilers vectorise the loop over pixels if no other loop is in it."""
    for k in range(FEATURES):
        yield f"const float f{k} = feature{k}[x];"
    for name, expression in unroll_network(model, format_float32, RELU):
        yield f"const float {name} = {expression};"
    for k in range(GAINS):
        yield f"gain{k}[x] = ${{name}}_clamp(-1.44269504f * b{k}, -126.0f, 126.0f);"


def _repeat_for_types(text: str) -> str:
    with_parameters = text.replace("$parameters", PARAMETERS)
    return "\n".join(
        Template(with_parameters).safe_substitute(key=key, type=type_) for key, type_ in PIXEL_TYPES.items()
    )
