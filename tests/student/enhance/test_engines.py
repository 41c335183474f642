"""All engines give the same pixels within a level; the fastest is taken, and why others are not is told."""

import subprocess
import sys

import numpy as np
import pytest
import safetensors.torch
import torch

from zerokd.errors import ExportError, WeightsError
from zerokd.exporters import c_library
from zerokd.files.weights import write_weights
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp
from zerokd.student.enhance import engines
from zerokd.student.enhance.engines import choose_engine
from zerokd.student.enhance.jobs import enhance_pixels
from zerokd.student.load import load_model
from zerokd.student.location import resolve_student_file

needs_compiler = pytest.mark.skipif(c_library.find_compiler() is None, reason="no C compiler")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One cache for all tests here: what is compiled once serves them all."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _cached(cache, monkeypatch):
    monkeypatch.setenv("ZEROKD_CACHE", str(cache))


def saved(path, model, **config):
    use = {NanoDce: "nano_dce", ZeroDcePp: "zero_dce_pp"}[type(model)]
    write_weights(path, model.state_dict(), {"architecture": {"use": use, "config": config}})
    return path


def dark(kind, height=61, width=77):
    levels = np.random.default_rng(0).random((height, width, 3)) * 0.4
    return levels.astype(np.float32) if kind is np.float32 else (levels * np.iinfo(kind).max).astype(kind)


@needs_compiler
@pytest.mark.parametrize("strength", [0.4, 1.0, 1.7])
def test_all_engines_agree(strength):
    pytest.importorskip("onnxruntime")
    images = [
        enhance_pixels(dark(np.uint8), choose_engine(resolve_student_file("fidelity"), name), strength, 1)
        for name in engines.ENGINE_NAMES
    ]
    assert all(np.abs(images[0].astype(int) - image).max() <= 1 for image in images[1:])
    images = [
        enhance_pixels(dark(np.float32), choose_engine(resolve_student_file("fidelity"), name), strength, 1)
        for name in engines.ENGINE_NAMES
    ]
    assert all(np.abs(images[0] - image).max() <= 1e-5 for image in images[1:])
    assert images[0].mean() > dark(np.float32).mean()


@needs_compiler
def test_c_is_taken_first_and_made_once(cache):
    first = choose_engine(resolve_student_file("fidelity"))
    assert (first.name, first.allows_parallel_bands, first.fallback_reasons, first.describe_fallback()) == (
        "c",
        True,
        (),
        "",
    )
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.so")}
    choose_engine(resolve_student_file("fidelity"))
    assert before == {path: path.stat().st_mtime_ns for path in cache.rglob("*.so")}
    assert before


@needs_compiler
def test_enhancing_takes_no_torch_when_the_student_is_compiled():
    choose_engine(resolve_student_file("fidelity"))
    code = (
        "import sys, numpy\nfrom zerokd.student.enhance.jobs import enhance_pixels, choose_engine\n"
        "from zerokd.student.location import resolve_student_file\n"
        "engine = choose_engine(resolve_student_file('fidelity'))\n"
        "enhance_pixels(numpy.zeros((9, 9, 3), numpy.uint8), engine, 1.0, 2)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_without_a_compiler_the_next_one_is_taken_and_the_reason_told(monkeypatch):
    monkeypatch.setattr(engines, "find_compiler", lambda: None)
    engine = choose_engine(resolve_student_file("fidelity"))
    assert engine.name in ("onnx", "torch")
    assert engine.fallback_reasons[0] == "there is no C compiler"
    assert engine.describe_fallback() == f"Using {engine.description} ({'; '.join(engine.fallback_reasons)})"
    with pytest.raises(ExportError, match="there is no C compiler"):
        choose_engine(resolve_student_file("fidelity"), "c")


def test_a_wide_network_is_not_compiled(tmp_path):
    engine = choose_engine(saved(tmp_path / "a.safetensors", ZeroDcePp()), "auto")
    assert engine.name in ("onnx", "torch")
    assert "10561 parameters are too many for the C engine, which takes 2000" in engine.fallback_reasons[0]


def test_what_a_child_process_says_is_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "find_compiler", lambda: ["cc"])
    odd = saved(tmp_path / "a.safetensors", NanoDce(width=5), width=5)
    monkeypatch.setattr(engines.sys, "executable", "/bin/false")
    with pytest.raises(ExportError, match="its export ended with exit code 1"):
        choose_engine(odd, "c")


@torch.no_grad()
def test_a_model_with_a_scale_of_its_own_is_computed_in_bands(tmp_path):
    torch.manual_seed(0)
    model = ZeroDcePp(width=4, scale_factor=4).eval()
    engine = choose_engine(saved(tmp_path / "a.safetensors", model, width=4, scale_factor=4), "auto")
    assert (engine.name, engine.needs_whole_image) == ("torch", False)
    assert engine.description.endswith("curve map at 1/4")
    image = dark(np.float32, 300, 41)
    exact = model(torch.from_numpy(image.transpose(2, 0, 1)[None].copy()))["enhanced"][0].permute(1, 2, 0).numpy()
    assert np.abs(enhance_pixels(image, engine, 1.0, 1) - exact).max() < 1e-4


def test_every_size_and_scale_keeps_the_size():
    engine = choose_engine(resolve_student_file("fidelity"), "torch", scale=12)
    for height in range(1, 41, 3):
        for width in range(1, 41):
            assert np.isfinite(enhance_pixels(dark(np.float32, height, width), engine, 1.0, 1)).all()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "does not exist"), (b"", "not a student's file"), (b"x" * 99, "not a student's file"), ("plain", "not a")],
)
def test_other_files_are_refused(tmp_path, content, reason):
    path = tmp_path / "a.safetensors"
    if content == "plain":
        write_weights(path, NanoDce().state_dict(), {})
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=reason):
        choose_engine(path)


ODD = ['"2"', "[]", "null", "Infinity", "NaN", "1.5", "true", "0", "-1", "9" * 400, "1e400", '{"a": 1}']
ODD += ["[" * 200_000 + "]" * 200_000, '{"a":' * 100_000 + "1" + "}" * 100_000]


@pytest.mark.parametrize("text", ODD, ids=lambda text: text[:9])
def test_odd_metadata_is_refused(tmp_path, text):
    """As the scale factor, the config, the architecture and the whole description."""
    tensors, path = NanoDce().state_dict(), tmp_path / "a.safetensors"
    for start, end in (
        ('{"architecture": {"use": "nano_dce", "config": {"scale_factor": ', "}}}"),
        ('{"architecture": {"use": "nano_dce", "config": ', "}}"),
        ('{"architecture": ', "}"),
        ("", ""),
    ):
        safetensors.torch.save_file(tensors, path, {"zerokd": f"{start}{text}{end}"})
        with pytest.raises(WeightsError) as caught:
            load_model(path)
        assert caught.value.exit_code == 3
        if text != '{"a": 1}' or not start.endswith('"config": '):  # a key that only the model knows to be wrong
            with pytest.raises(WeightsError):
                choose_engine(path)


@needs_compiler
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 2.0])
def test_engines_measure_the_whole_image_and_agree_on_every_part(strength, monkeypatch):
    monkeypatch.setattr("zerokd.student.enhance.tiles.TILE_ROWS", 40)
    monkeypatch.setattr("zerokd.student.enhance.tiles.TILE_COLUMNS", 64)
    image = np.random.default_rng(1).integers(0, 60, (97, 150, 3)).astype(np.uint8)
    image[:, 100:] += 150
    by_c, by_torch = (
        enhance_pixels(image, choose_engine(resolve_student_file("best"), name), strength, 2) for name in ("c", "torch")
    )
    assert np.abs(by_c.astype(int) - by_torch).max() <= 1
    assert np.array_equal(by_c, image) == (strength == 0)


def test_onnx_runtime_is_refused_for_a_model_that_measures_the_whole_image():
    pytest.importorskip("onnxruntime")
    with pytest.raises(ExportError, match="has no tiles for a model that measures the whole image"):
        choose_engine(resolve_student_file("best"), "onnx")
