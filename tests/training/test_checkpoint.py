"""Checkpoints: whole or not at all, whatever happens to the process or the file."""

import os
import random

import pytest
import torch

from zerokd.errors import WeightsError
from zerokd.training.checkpoint import (
    LAST_FILE,
    PREVIOUS_FILE,
    Checkpoint,
    add_prefix,
    load_checkpoint,
    save_checkpoint,
    select_prefix,
)


def checkpoint(step):
    generator = torch.Generator().manual_seed(step)
    tensors = {"student/weight": torch.rand(5, 3, generator=generator), "optimizer/0.step": torch.tensor(float(step))}
    return Checkpoint(tensors, {"step": step, "rate": 0.1 / 3})


def test_what_is_saved_is_loaded_to_the_bit(tmp_path):
    save_checkpoint(tmp_path / "checkpoints", checkpoint(1))
    loaded, damaged = load_checkpoint(tmp_path / "checkpoints")
    assert not damaged
    assert loaded.metadata == {"step": 1, "rate": 0.1 / 3}
    assert all(torch.equal(loaded.tensors[name], tensor) for name, tensor in checkpoint(1).tensors.items())


def test_the_last_and_the_previous_one_are_kept_and_nothing_else(tmp_path):
    for step in range(4):
        save_checkpoint(tmp_path, checkpoint(step))
    assert sorted(os.listdir(tmp_path)) == [LAST_FILE, PREVIOUS_FILE]
    (tmp_path / LAST_FILE).unlink()
    assert load_checkpoint(tmp_path)[0].metadata["step"] == 2


@pytest.mark.parametrize("share", [0, 0.003, 0.02, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_a_cut_off_file_gives_way_to_the_previous_one_with_a_word(tmp_path, share):
    save_checkpoint(tmp_path, checkpoint(1))
    save_checkpoint(tmp_path, checkpoint(2))
    whole = (tmp_path / LAST_FILE).read_bytes()
    (tmp_path / LAST_FILE).write_bytes(whole[: int(share * len(whole))])
    loaded, damaged = load_checkpoint(tmp_path)
    assert loaded.metadata["step"] == 1
    assert len(damaged) == 1
    assert LAST_FILE in damaged[0]


@pytest.mark.parametrize("seed", range(40))
def test_one_flipped_bit_is_seen_wherever_it_is(tmp_path, seed):
    save_checkpoint(tmp_path, checkpoint(1))
    save_checkpoint(tmp_path, checkpoint(2))
    data = bytearray((tmp_path / LAST_FILE).read_bytes())
    bit = random.Random(seed).randrange(len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    (tmp_path / LAST_FILE).write_bytes(data)
    loaded, damaged = load_checkpoint(tmp_path)
    assert loaded.metadata["step"] == (1 if damaged else 2)  # a bit of padding says nothing
    assert damaged or all(torch.equal(loaded.tensors[name], tensor) for name, tensor in checkpoint(2).tensors.items())


def test_where_both_are_damaged_nothing_is_made_up(tmp_path):
    for step in (1, 2):
        save_checkpoint(tmp_path, checkpoint(step))
    for name in (LAST_FILE, PREVIOUS_FILE):
        (tmp_path / name).write_bytes(b"garbage" * 100)
    with pytest.raises(WeightsError, match=r"cannot read weights(?s:.*)cannot read weights(?s:.*)start a new run"):
        load_checkpoint(tmp_path)


def test_no_checkpoint_is_said(tmp_path):
    with pytest.raises(WeightsError, match="holds no checkpoint"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("which", [1, 2, 3])
def test_a_write_that_fails_leaves_the_one_before_it(tmp_path, monkeypatch, call, which):
    save_checkpoint(tmp_path, checkpoint(1))
    save_checkpoint(tmp_path, checkpoint(2))
    real, calls = getattr(os, call), []

    def fails(*arguments):
        calls.append(arguments)
        if len(calls) == which:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails)
        try:
            save_checkpoint(tmp_path, checkpoint(3))
            failed = False
        except OSError:
            failed = True
    loaded, damaged = load_checkpoint(tmp_path)
    assert not damaged
    assert loaded.metadata["step"] in ((2, 3) if failed else (3,))
    assert all(not name.startswith(".") for name in os.listdir(tmp_path))


def test_the_parts_of_several_owners_come_apart_again():
    tensors = add_prefix("student", {"a": torch.ones(1)}) | add_prefix("ema", {"a": torch.zeros(1)})
    assert select_prefix("ema", tensors) == {"a": torch.zeros(1)}
    assert select_prefix("student", tensors)["a"] == 1
