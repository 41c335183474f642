"""The user shader: what is checked is what is written."""

import re

import numpy as np
import torch

from zerokd.exporters.glsl import Glsl, parse_shader
from zerokd.exporters.glsl_code import build_passes
from zerokd.exporters.traced_program import trace_model
from zerokd.models.auto_exposure import AutoExposure
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp


def written(tmp_path, model, **options):
    path = tmp_path / "student.glsl"
    Glsl(**options).write(model.eval(), path, {"recipe": "paper"})
    return path


def test_it_is_read_again_as_it_was_written(tmp_path):
    model = NanoDce()
    passes, input_name, strength = parse_shader(written(tmp_path, model, strength=0.5).read_text())
    expected = build_passes(trace_model(model.eval()))
    assert [(p.input_textures, p.statements, p.result) for p in passes] == [
        (p.input_textures, p.statements, p.result) for p in expected
    ]
    assert (input_name, strength) == ("low_0", 0.5)


def test_each_pass_is_a_hook_that_binds_what_it_reads(tmp_path):
    text = written(tmp_path, NanoDce()).read_text()
    blocks = text.split("//!DESC ")[1:]
    assert len(blocks) == 3
    assert text.startswith("// NanoDce, 161 parameters, trained by paper")
    for block in blocks:
        assert "//!HOOK MAIN" in block
        assert "//!BIND HOOKED" in block
        assert "vec4 hook() {" in block
        used = set(re.findall(r"(\w+)_texOff", block))
        assert used <= set(re.findall(r"//!BIND (\w+)", block)) | {"HOOKED"}
    saved = [re.findall(r"//!SAVE (\w+)", block) for block in blocks]
    assert saved == [["ZEROKD_RELU_0"], ["ZEROKD_RELU_1_0"], []]


def test_the_file_gives_the_pixels_of_pytorch(tmp_path):
    torch.manual_seed(0)
    for model in (NanoDce().eval(), ZeroDcePp(width=8).eval()):
        low = np.random.default_rng(0).random((2, 3, 17, 12), np.float32)
        enhanced = Glsl().run(written(tmp_path, model))(low)
        with torch.no_grad():
            assert np.abs(enhanced - model(torch.from_numpy(low))["enhanced"].numpy()).max() <= 1e-5


def test_strength_is_in_the_file(tmp_path):
    low = np.random.default_rng(0).random((1, 3, 6, 5), np.float32)
    assert np.array_equal(Glsl().run(written(tmp_path, NanoDce(), strength=0.0))(low), low)


def test_auto_exposure_with_strength_and_frame_rate(tmp_path):
    torch.manual_seed(0)
    model = AutoExposure().eval()
    path = written(tmp_path, model, strength=0.5, frame_rate=24.0)
    assert "const float FRAME_RATE = 24.0;" in path.read_text()
    assert path.read_text().startswith("// AutoExposure, 118 parameters, trained by paper")
    low = np.random.default_rng(0).random((2, 3, 17, 12), np.float32) / 4
    with torch.no_grad():
        images = torch.from_numpy(low)
        expected = model.render(images, model.measure(images), (0, 0, 17, 12), 0.5).numpy()
    assert np.abs(Glsl().run(path)(low) - expected).max() <= 1e-5
