"""What the C code and the shaders of auto_exposure have in common: the numbers of its formulas, and its network."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from zerokd.models import auto_exposure as pixels
from zerokd.models import brightness_map as zones
from zerokd.models import exposure_over_time, pyramid
from zerokd.models import exposure_state as state
from zerokd.models import reinhard_curve as curve
from zerokd.models.auto_exposure import AutoExposure

FEATURES, GAINS = 7, 6  # of the network


def list_constants(model: AutoExposure) -> dict[str, float | int]:
    """The numbers of the model's formulas by their names in code."""
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
        "BLACK_RANGE": ("BLACK_FIRST", "BLACK_LAST"),
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
    numbers["MAP_CELLS"] = (2 * zones.MAP_RADIUS + 1) ** 2
    unused = {"ROWS", "COLUMNS", "LEVEL"}
    return {key: value for key, value in numbers.items() if key not in unused}


def unroll_network(model: AutoExposure, format_number: Callable[[float], str], relu: str) -> Iterator[tuple[str, str]]:
    """Names and expressions of the network for one pixel, from its features f0 to f6 to b0 to b5, whose sigmoids are
    the gains. ``relu`` is an expression of ``{0}``."""
    layers = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    for h, (bias, row) in enumerate(zip(layers["hidden.bias"], layers["hidden.weight"][:, :, 0, 0], strict=True)):
        yield f"a{h}", _format_sum(bias, row, "f", format_number)
        yield f"h{h}", relu.format(f"a{h}")
    for k, (bias, row) in enumerate(zip(layers["gains.bias"], layers["gains.weight"][:, :, 0, 0], strict=True)):
        yield f"b{k}", _format_sum(bias, row, "h", format_number)


def _format_sum(bias: float, row: np.ndarray, prefix: str, format_number: Callable[[float], str]) -> str:
    products = (f"{format_number(weight)}*{prefix}{i}" for i, weight in enumerate(row))
    return " + ".join([format_number(bias), *products]).replace("+ -", "- ")
