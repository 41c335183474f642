"""Two lines of Python: an image in, the same kind of image out."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zerokd
from zerokd.errors import DataError, WeightsError
from zerokd.files.weights import write_weights
from zerokd.models.nano_dce import NanoDce
from zerokd.student.enhance import enhancer
from zerokd.student.enhance.enhancer import Enhancer


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    torch.manual_seed(0)
    model = NanoDce().eval()
    path = tmp_path_factory.mktemp("student") / "student.safetensors"
    write_weights(path, model.state_dict(), {"architecture": {"use": "nano_dce", "config": {}}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZEROKD_CACHE", str(path.parent))
        enhance = zerokd.load(path)
        enhance.engine  # noqa: B018 (made while the cache is a temporary one)
        yield enhance, model


def dark(*shape):
    return (np.random.default_rng(0).random(shape) * 90).astype(np.uint8)


@torch.no_grad()
def exact(model, pixels):
    low = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255)
    return model(low)["enhanced"][0].permute(1, 2, 0).numpy() * 255


def test_arrays(student):
    enhance, model = student
    made = enhance(dark(9, 14, 3))
    assert made.dtype == np.uint8
    assert np.abs(made - exact(model, dark(9, 14, 3))).max() <= 0.51
    deep = dark(9, 14, 3).astype(np.uint16) * 257
    assert np.abs(enhance(deep) / 257 - exact(model, dark(9, 14, 3))).max() <= 0.01
    assert np.array_equal(enhance(dark(9, 14, 4))[..., 3], dark(9, 14, 4)[..., 3])
    assert np.array_equal(
        enhance(dark(9, 14, 3)[::-1, ::-1]), enhance(np.ascontiguousarray(dark(9, 14, 3)[::-1, ::-1]))
    )


@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 1e-6), (np.float16, 1e-3)])
def test_floats_of_other_widths(student, dtype, error):
    enhance, _ = student
    low = (dark(9, 14, 3) / 255).astype(dtype)
    bright = enhance(low)
    assert bright.dtype == dtype
    assert np.abs(bright.astype(np.float64) - enhance(low.astype(np.float32))).max() <= error


@pytest.mark.parametrize("kind", [str, Path])
def test_the_path_of_a_photo(student, tmp_path, kind):
    enhance, _ = student
    Image.fromarray(dark(9, 14, 3)).save(tmp_path / "a.png", icc_profile=b"profile")
    turned = Image.Exif()
    turned[0x112] = 6
    Image.fromarray(dark(9, 14, 3)).save(tmp_path / "b.png", exif=turned)
    bright = enhance(kind(tmp_path / "a.png"))
    assert np.array_equal(np.asarray(bright), enhance(dark(9, 14, 3)))
    assert bright.info["icc_profile"] == b"profile"
    assert enhance(kind(tmp_path / "b.png")).size == (9, 14)
    (tmp_path / "c.png").write_text("no")
    for name, reason in (("c.png", "not an image"), ("none.png", "not a regular file")):
        with pytest.raises(DataError, match=f"{name}': {reason}"):
            enhance(kind(tmp_path / name))


def test_a_notebook_shows_what_it_is(student):
    enhance, _ = student
    assert repr(enhance) == f"<zerokd student {str(enhance.path)!r}: 161 parameters, engine auto>"


def test_photos(student):
    enhance, _ = student
    photo = Image.fromarray(dark(9, 14, 3))
    made = enhance(photo)
    assert (made.size, made.mode) == (photo.size, "RGB")
    assert np.array_equal(np.asarray(made), enhance(dark(9, 14, 3)))
    assert enhance(photo.convert("RGBA")).mode == "RGBA"
    assert enhance(photo.convert("L")).mode == "RGB"


def test_tensors_with_gradient(student):
    enhance, model = student
    low = torch.rand(2, 3, 8, 9, requires_grad=True)
    assert torch.equal(enhance(low), model(low)["enhanced"])
    assert torch.equal(enhance(low[0]), model(low[:1])["enhanced"][0])
    enhance(low, 0.5).sum().backward()
    assert torch.isfinite(low.grad).all()
    assert torch.equal(enhance(low, 0.0), low)


def test_the_input_is_left_alone(student):
    pixels = dark(5, 5, 3)
    student[0](pixels)
    assert np.array_equal(pixels, dark(5, 5, 3))


@pytest.mark.parametrize(
    ("image", "wrong"),
    [
        ([[1, 2, 3]], TypeError),
        (np.zeros((4, 4), np.uint8), ValueError),
        (np.zeros((4, 4, 3), np.int32), ValueError),
        (np.zeros((0, 4, 3), np.uint8), ValueError),
        (torch.zeros(1, 4, 4), ValueError),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), ValueError),
        (Image.new("F", (4, 4)), ValueError),
    ],
)
def test_what_is_no_image_is_told(student, image, wrong):
    with pytest.raises(wrong, match=r"is|are|has"):
        student[0](image)


def test_strength_has_a_range(student):
    with pytest.raises(ValueError, match=r"strength is 2.5, not in \[0, 2\]"):
        student[0](dark(4, 4, 3), 2.5)


def test_a_wrong_file_is_told_at_once(tmp_path):
    (tmp_path / "a.safetensors").write_text("no")
    with pytest.raises(WeightsError, match="not a student's file"):
        zerokd.load(tmp_path / "a.safetensors")


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_the_bundled_student_brightens_the_dark_and_keeps_black_and_white(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path))
    enhance = zerokd.load()
    made = [enhance(np.full((16, 16, 3), level, np.uint8)).mean() for level in (0, 20, 60, 255)]
    assert made[0] == 0
    assert made[3] == 255
    assert 50 < made[1] < 160
    assert 90 < made[2] < 200
    assert made == sorted(made)


def test_engine_and_threads_are_those_that_are_asked_for(monkeypatch):
    calls = []
    monkeypatch.setattr(enhancer, "choose_engine", lambda *given, **more: calls.append((given, more)))
    assert zerokd.load(engine="onnx", threads=3).engine is None
    assert (calls[0][0][1], calls[0][1]["threads"]) == ("onnx", 3)


@pytest.mark.parametrize("wrong", [{"engine": "fast"}, {"threads": 0}])
def test_what_is_no_engine_and_no_number_of_threads_is_told(wrong):
    with pytest.raises(ValueError, match="of auto, c, onnx, torch; threads is"):
        zerokd.load(**wrong)


def test_it_leaves_torchs_threads_alone(student):
    before = torch.get_num_threads()
    Enhancer(student[0].path, engine="torch")(dark(8, 8, 3))
    assert torch.get_num_threads() == before
