"""Where a model's weights come from."""

import pytest
import torch

from zerokd import ModelSpec
from zerokd.errors import RecipeError, WeightsError
from zerokd.files.digest import file_sha256
from zerokd.files.weights import read_weights, write_weights
from zerokd.models.zero_dce_pp import ZeroDcePp
from zerokd.recipe.build.pretrained import install_weights

PLAIN = ModelSpec("zero_dce_pp", target="a:B", summary="a test")


def test_none_leaves_the_drawn_weights():
    model = ZeroDcePp()
    before = model.e_conv1.point_conv.weight.clone()
    assert install_weights(model, None, PLAIN, 5) == {"weights": "random, seed 5"}
    assert torch.equal(model.e_conv1.point_conv.weight, before)


def test_the_bundled_teacher_was_made_by_our_own_recipe():
    from importlib.resources import as_file, files

    spec = ModelSpec("zero_dce_pp", target="a:B", summary="a test", bundled="zerokd.assets:zero_dce_pp.safetensors")
    model = ZeroDcePp()
    record = install_weights(model, "bundled", spec, 0)
    with as_file(files("zerokd.assets") / "zero_dce_pp.safetensors") as path:
        state, metadata = read_weights(path)
        assert record["sha256"] == file_sha256(path)
        assert path.stat().st_size < 60_000
    assert torch.equal(model.e_conv7.point_conv.weight, state["e_conv7.point_conv.weight"])
    assert metadata["recipe"] == "teacher"
    assert metadata["data"]["source"]["use"] == "zerokd:dead_leaves"
    assert metadata["models"]["student"]["weights"].startswith("random, seed ")


def test_a_model_that_ships_none_says_so():
    with pytest.raises(RecipeError, match="ships no weights"):
        install_weights(ZeroDcePp(), "bundled", PLAIN, 0)


def test_a_file_in_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "teacher.safetensors"
    write_weights(path, ZeroDcePp().state_dict(), {})
    assert install_weights(ZeroDcePp(), "~/teacher.safetensors", PLAIN, 0)["weights"] == str(path)


@pytest.mark.parametrize("weights", ["~no_such_user_at_all/a.pth", "x" * 300, "."])
def test_a_path_that_cannot_serve_is_a_weights_error(weights):
    with pytest.raises(WeightsError):
        install_weights(ZeroDcePp(), weights, PLAIN, 0)


def test_a_model_that_has_read_its_own_file_takes_no_weights():
    model = ZeroDcePp()
    model.sources = {"weights": "teacher.onnx", "sha256": "ab" * 32}
    assert install_weights(model, None, PLAIN, 5) == {"weights": "teacher.onnx", "sha256": "ab" * 32}
    with pytest.raises(RecipeError, match=r"has read its own file, 'teacher\.onnx'") as caught:
        install_weights(model, "bundled", PLAIN, 5)
    assert "remove weights" in str(caught.value)
