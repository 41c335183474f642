"""Weights files: by name, whole or not at all, and never as code."""

import json
import pickle
import struct
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from torch import nn

from zerokd.errors import WeightsError
from zerokd.files.digest import file_sha256
from zerokd.files.weights import expand_weights_path, load_model_state, read_weights, write_weights


def small_net():
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 3, 1))


def test_what_is_written_is_read_back_with_its_facts(tmp_path):
    state, description = small_net().state_dict(), {"recipe": "paper", "nested": {"seed": 3}}
    write_weights(tmp_path / "a.safetensors", state, description)
    loaded, metadata = read_weights(tmp_path / "a.safetensors")
    assert metadata == description
    assert all(torch.equal(state[key], value) for key, value in loaded.items())
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_the_same_content_gives_the_same_bytes_in_another_process(tmp_path):
    code = (
        "import sys, pathlib, torch; from zerokd.files.weights import write_weights\n"
        "facts = {name: name for name in 'abcdefgh'}\n"
        "write_weights(pathlib.Path(sys.argv[1]), {'x': torch.ones(3), 'y': torch.zeros(2)}, facts)"
    )
    for name in ("one", "two", "three"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=True)
    assert len({file_sha256(tmp_path / name) for name in ("one", "two", "three")}) == 1


def test_the_facts_are_plain_json_in_one_metadata_key(tmp_path):
    write_weights(tmp_path / "a.safetensors", small_net().state_dict(), {"recipe": "paper"})
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["zerokd"]) == {"recipe": "paper"}


def test_a_released_pth_loads_by_name(tmp_path):
    source, target = small_net(), small_net()
    torch.save(source.state_dict(), tmp_path / "a.pth")
    load_model_state(target, read_weights(tmp_path / "a.pth")[0], "a.pth")
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), target.parameters(), strict=True))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_is_never_executed(tmp_path, protocol):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "owned"), "w")

    (tmp_path / "legacy.pth").write_bytes(pickle.dumps({"a": Evil()}, protocol=protocol))
    torch.save({"a": Evil()}, tmp_path / "zip.pth")
    for name in ("legacy.pth", "zip.pth"):
        with pytest.raises(WeightsError, match="cannot read weights"):
            read_weights(tmp_path / name)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_damaged_files_are_told_at_every_length(tmp_path, suffix):
    complete = tmp_path / f"whole{suffix}"
    if suffix == ".pth":
        torch.save(small_net().state_dict(), complete)
    else:
        write_weights(complete, small_net().state_dict(), {})
    data, path = complete.read_bytes(), tmp_path / f"half{suffix}"
    for length in [0, 1, 7, 8, 50, len(data) // 2, len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(WeightsError):
            read_weights(path)
    path.write_text("not weights at all")
    with pytest.raises(WeightsError):
        read_weights(path)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(WeightsError, match="does not exist") as caught:
        read_weights(tmp_path / "no.pth")
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("0.bias"), "missing 0.bias (4,)"),
        (lambda state: state.update(extra=torch.zeros(2)), "unexpected extra (2,)"),
        (lambda state: state.update({"0.bias": torch.zeros(5)}), "0.bias is (5,), expected (4,)"),
        (lambda state: state["1.weight"].fill_(float("nan")), "NaN or infinity in 1.weight"),
    ],
)
def test_weights_that_do_not_fit_name_the_difference_and_load_nothing(change, message):
    model, state = small_net(), {key: value.clone() for key, value in small_net().state_dict().items()}
    before = {key: value.clone() for key, value in model.state_dict().items()}
    change(state)
    with pytest.raises(WeightsError) as caught:
        load_model_state(model, state, "a.pth")
    assert message in str(caught.value)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    write_weights(path, small_net().state_dict(), {"version": 1})
    before = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_weights(path, small_net().state_dict(), {"version": 2})
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize("name", ["x" * 300 + ".pth", "zero\0.pth", "folder.pth"])
def test_a_path_that_cannot_be_a_file_is_told(tmp_path, name):
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises(WeightsError, match="is a folder" if name == "folder.pth" else "weights"):
        read_weights(tmp_path / name)


def test_a_home_folder_is_found_or_told(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expand_weights_path("~/a.pth") == tmp_path / "a.pth"
    with pytest.raises(WeightsError, match="no_such_user_at_all"):
        expand_weights_path("~no_such_user_at_all/a.pth")


@pytest.mark.parametrize("error", [struct.error("unpack requires 4 bytes"), AssertionError(), RecursionError("deep")])
def test_whatever_a_decoder_raises_is_a_weights_error(tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    (tmp_path / "a.pth").write_bytes(b"1")
    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(WeightsError, match="cannot read weights"):
        read_weights(tmp_path / "a.pth")


@pytest.mark.parametrize("text", ["hello world", "encoded", "not weights at all"])
def test_a_text_file_is_told_without_torch_s_advice(tmp_path, text):
    (tmp_path / "a.pth").write_text(text)
    with pytest.raises(WeightsError, match="not a pickle of tensors alone") as caught:
        read_weights(tmp_path / "a.pth")
    assert "weights_only" not in str(caught.value)


def test_facts_that_are_no_object_are_refused(tmp_path):
    write_weights(tmp_path / "a.safetensors", small_net().state_dict(), [1, 2])
    with pytest.raises(WeightsError, match="not a JSON object"):
        read_weights(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "tensor", [torch.zeros(4, device="meta"), torch.zeros(4).to_sparse(), torch.zeros(4, dtype=torch.complex64)]
)
def test_only_real_dense_tensors_are_loaded(tensor):
    with pytest.raises(WeightsError, match=r"not real, dense numbers: 0\.bias"):
        load_model_state(small_net(), small_net().state_dict() | {"0.bias": tensor}, "a.pth")


def test_a_file_without_tensors_is_refused_by_a_model_that_has_some(tmp_path):
    path = tmp_path / "empty.safetensors"
    path.write_bytes((2).to_bytes(8, "little") + b"{}")
    state, _ = read_weights(path)
    with pytest.raises(WeightsError, match="holds no tensor"):
        load_model_state(small_net(), state, str(path))
    load_model_state(torch.nn.ReLU(), state, str(path))


def test_subnormal_weights_become_zero_and_all_others_stay():
    state = small_net().state_dict()
    state["0.weight"][0, 0] = 1e-39
    state["0.weight"][1, 1] = -1e-45
    state["1.bias"][2] = 1.2e-38  # a normal number
    expected = {key: value.clone() for key, value in state.items()}
    expected["0.weight"][0, 0] = expected["0.weight"][1, 1] = 0
    model = small_net()
    load_model_state(model, state, "a file")
    assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())
    half = small_net().half()
    small = {key: torch.full_like(value, 2**-24) for key, value in half.state_dict().items()}
    load_model_state(half, small, "a file")
    assert all((value == 2**-24).all() for value in half.state_dict().values())
