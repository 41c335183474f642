"""A sealed file holds what was written, or is refused: its digest covers all that it holds."""

import hashlib
import json

import pytest
import torch

from zerokd.errors import WeightsError
from zerokd.files.sealed import compute_digest, read_sealed, write_sealed
from zerokd.files.weights import read_weights, write_weights

TENSORS = {"b": torch.tensor([[1, 2]], dtype=torch.int16), "a": torch.tensor(0.5, dtype=torch.float64)}
DESCRIPTION = {"step": 3, "names": ["x", "y"], "rate": 0.1, "nothing": None}


def test_what_is_written_is_read(tmp_path):
    write_sealed(tmp_path / "a.safetensors", TENSORS, DESCRIPTION)
    tensors, description = read_sealed(tmp_path / "a.safetensors")
    assert description == DESCRIPTION
    assert sorted(tensors) == ["a", "b"]
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())


def test_the_digest_is_that_of_the_bytes_by_hand():
    text = b'{"step": 1}' + b"\0a\0torch.float64\0()\0" + bytes([0] * 6 + [0xE0, 0x3F])  # 0.5
    text += b"\0b\0torch.int16\0(1, 2)\0" + bytes([1, 0, 2, 0])
    assert compute_digest(TENSORS, {"step": 1}) == hashlib.sha256(text).hexdigest()


CHANGES = {
    "a value": ({**TENSORS, "a": torch.tensor(0.25, dtype=torch.float64)}, {}),
    "a name": ({"b": TENSORS["b"], "c": TENSORS["a"]}, {}),
    "a shape": ({**TENSORS, "b": TENSORS["b"].T.contiguous()}, {}),
    "a type": ({**TENSORS, "b": TENSORS["b"].view(torch.uint16).view(torch.bfloat16)}, {}),
    "one more": ({**TENSORS, "c": torch.zeros(0)}, {}),
    "one less": ({"a": TENSORS["a"]}, {}),
    "a number": (TENSORS, {"step": 4}),
    "a key": (TENSORS, {"other": 1}),
    "no digest": (TENSORS, {"digest": None}),
}


@pytest.mark.parametrize(("tensors", "changes"), CHANGES.values(), ids=CHANGES)
def test_any_change_is_refused(tmp_path, tensors, changes):
    path = tmp_path / "a.safetensors"
    write_sealed(path, TENSORS, DESCRIPTION)
    _, description = read_weights(path)
    write_weights(path, tensors, {**description, **changes})
    with pytest.raises(WeightsError, match="its digest does not match"):
        read_sealed(path)


def test_the_description_is_plain_data(tmp_path):
    with pytest.raises(TypeError):
        write_sealed(tmp_path / "a.safetensors", TENSORS, {"x": {1, 2}})
    assert json.loads(json.dumps(DESCRIPTION)) == DESCRIPTION
