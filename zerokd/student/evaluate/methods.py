"""The methods of a comparison: models, and the baselines that a model has to beat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import frozen
from torch import Tensor
from torch.nn import functional as F

from zerokd.files.digest import file_sha256
from zerokd.files.weights import read_weights
from zerokd.models.le_curve import le_curve
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.component import EMPTY_MAPPING
from zerokd.plugin.contracts import Model
from zerokd.student.enhance.engines import build_tiled_network
from zerokd.student.foreign_weights import load_foreign_weights, split_location
from zerokd.student.load import load_trained_model
from zerokd.student.location import BUNDLED, BUNDLED_STUDENTS, DEFAULT_STUDENT

GAMMA_EXPONENT = 1 / 2.2  # of displays: what anybody tries first
CONSTANT_CURVE_PARAMETER = -0.36  # for all pixels; it has 18.8 dB on LOL, where Zero-DCE++ has 15.1
CURVE_ITERATIONS = 8
BUNDLED_TEACHER = "zero_dce_pp:bundled"
TARGET_BRIGHTNESS = 0.46  # mean of each image after the exposed curve: 18 % grey in sRGB
SAMPLE_SIDE, BISECTION_STEPS = 64, 12  # of the exposed curve: pixels that are measured, and halvings
BASELINE_NAMES = ("input", "gamma", "constant curve", "constant curve + 3x3", "exposed curve + 3x3")


@frozen(eq=False)
class Method:
    """A row of the table: ``enhance`` maps an image (1, 3, H, W) in [0, 1] to one of the same size.

    ``facts`` describe the training, as far as the model's file does.
    """

    name: str
    enhance: Callable[[Tensor], Tensor]
    model: Model | None = None
    source: str = ""
    digest: str = ""
    facts: Mapping[str, Any] = EMPTY_MAPPING


def build_baselines() -> list[Method]:
    """The input itself, and methods that need no training."""

    def constant(low: Tensor) -> Tensor:
        return le_curve(low, torch.full_like(low, CONSTANT_CURVE_PARAMETER), CURVE_ITERATIONS)

    def exposed(low: Tensor) -> Tensor:
        return le_curve(low, -find_curve_parameter(low, TARGET_BRIGHTNESS), CURVE_ITERATIONS)

    enhances = (
        lambda low: low,
        lambda low: low**GAMMA_EXPONENT,
        constant,
        lambda low: smooth_image(constant(low)),
        lambda low: smooth_image(exposed(low)),
    )
    return [Method(name, enhance) for name, enhance in zip(BASELINE_NAMES, enhances, strict=True)]


def find_curve_parameter(low: Tensor, brightness: float) -> Tensor:
    """(N, 1, 1, 1), in [0, 1]: the constant curve with minus this parameter gives a mean of ``brightness``.

    It is 0 for images that are brighter. Found by bisection on 64x64 of the pixels.
    """
    sample = F.interpolate(low, size=(SAMPLE_SIDE, SAMPLE_SIDE), mode="nearest")
    weakest = torch.zeros_like(sample[:, :1, :1, :1])
    strongest = torch.ones_like(weakest)
    for _ in range(BISECTION_STEPS):
        middle = (weakest + strongest) / 2
        enhanced = le_curve(sample, (-middle).expand_as(sample), CURVE_ITERATIONS)
        is_dark = enhanced.mean((1, 2, 3), keepdim=True) < brightness
        weakest, strongest = torch.where(is_dark, middle, weakest), torch.where(is_dark, strongest, middle)
    return torch.where(sample.mean((1, 2, 3), keepdim=True) < brightness, weakest, 0.0)


def smooth_image(image: Tensor) -> Tensor:
    """A 3x3 binomial filter on an image (1, 3, H, W), with replicated border pixels."""
    kernel = torch.tensor([1.0, 2.0, 1.0], dtype=image.dtype) / 4
    weight = (kernel[:, None] * kernel).expand(3, 1, 3, 3)
    return F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), weight, groups=3)


def load_method(weights: str, catalogue: Catalogue, taken_names: Iterable[str] = ()) -> Method:
    """The student with a name of the package, in a file, or of ``MODEL:FILE``, under a name that is not taken.

    Raises:
        WeightsError: the file cannot be used.
        RecipeError: its model is not installed, or has no bundled weights.
    """
    parts = split_location(weights, catalogue)
    path, model = load_foreign_weights(*parts, catalogue) if parts else _load_student(weights, catalogue)
    name, facts = choose_unused_name(_name_student(weights, path), taken_names), read_weights(path)[1]
    return Method(name, build_tiled_enhancer(model), model, str(path), file_sha256(path), facts)


def build_tiled_enhancer(model: Model) -> Callable[[Tensor], Tensor]:
    """A function that enhances images (1, 3, H, W) in tiles, so that memory does not grow with their size."""
    network = build_tiled_network(model)

    def enhance(low: Tensor) -> Tensor:
        image = np.ascontiguousarray(low[0].permute(1, 2, 0).numpy())
        enhanced = np.empty_like(image)
        network.prepare_image(image, 1.0)(enhanced, 0, len(enhanced))
        return torch.from_numpy(enhanced).permute(2, 0, 1)[None]

    return enhance


def _load_student(weights: str, catalogue: Catalogue) -> tuple[Path, Model]:
    trained_model = load_trained_model(weights, catalogue)
    return Path(trained_model.source), trained_model.model


def _name_student(weights: str, path: Path) -> str:
    """The name of the file, or of its folder if that distinguishes runs."""
    is_name = weights in BUNDLED_STUDENTS or BUNDLED in weights
    return (weights if is_name else path.parent.name if path.stem == "student" else path.stem) or "student"


def choose_unused_name(name: str, taken_names: Iterable[str]) -> str:
    """The name, or with the first number that makes it neither taken nor a baseline's: ``best (2)``."""
    used_names, chosen, number = {*taken_names, *BASELINE_NAMES}, name, 2
    while chosen in used_names:
        chosen, number = f"{name} ({number})", number + 1
    return chosen


def build_methods(
    weights: Iterable[str], teacher: str | None, catalogue: Catalogue
) -> tuple[list[Method], Method | None]:
    """The rows of a table: baselines, then the teacher, then students; and the teacher by itself.

    Without ``weights`` it is the default student; ``bundled`` as a teacher is the bundled Zero-DCE++.

    Raises:
        WeightsError, RecipeError: as :func:`load_method`.
    """
    methods = build_baselines()
    teacher_method = None
    if teacher is not None:
        file = BUNDLED_TEACHER if teacher == BUNDLED else teacher
        teacher_method = load_method(file, catalogue, BASELINE_NAMES)
        methods.append(teacher_method)
    for file in weights or (DEFAULT_STUDENT,):
        methods.append(load_method(file, catalogue, [method.name for method in methods]))
    return methods, teacher_method
