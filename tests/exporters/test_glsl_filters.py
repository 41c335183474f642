"""Sums of texture reads are the filters of the pyramid."""

import numpy as np
import pytest
import torch

from zerokd.exporters.glsl_code import ShaderPass
from zerokd.exporters.glsl_filters import blur_expression, declare_taps, downsample_expression, upsample_expression
from zerokd.exporters.glsl_interpreter import run_passes
from zerokd.models.pyramid import blur, downsample, pad_to_even, upsample

LOW = np.random.default_rng(0).random((3, 7, 10), np.float32)


def run(*passes):
    shader_passes = [ShaderPass(*words, repeats_border=True, **sizes) for *words, sizes in passes]
    return run_passes(shader_passes, LOW, "low", {})


@pytest.mark.parametrize("spacing", [1, 2])
def test_blur(spacing):
    wanted = blur(torch.from_numpy(LOW)[None], spacing)[0].numpy()
    direct = run(("result", ("low",), (), blur_expression("low({x}, {y})", spacing), {}))
    statements = tuple(f"{line};" for line in declare_taps("vec4 tap{k} = low({x}, {y})", spacing).splitlines())
    declared = run(("result", ("low",), statements, blur_expression("tap{k}"), {}))
    assert len(statements) == 9
    assert np.abs(direct - wanted).max() <= 1e-6
    assert np.array_equal(direct, declared)


def test_down_and_up():
    half = downsample(pad_to_even(torch.from_numpy(LOW)[None]))
    down = ("half_size", ("low",), (), downsample_expression("low"), {"divisor": 2})
    assert np.abs(run(down) - half[0].numpy()).max() <= 1e-6
    enlarged = run(down, ("result", ("half_size",), (), upsample_expression("half_size", "side.x", "side.y"), {}))
    assert np.abs(enlarged - upsample(half)[0, :, :7].numpy()).max() <= 1e-6
