"""Who computes which images, and what processes tell one another; two processes on one machine."""

import subprocess
import sys

import pytest
import torch

from zerokd.training.process_group import ProcessGroup, is_follower, max_images_per_process, resolve_local_device

TOGETHER = """
import os, sys, torch
from zerokd.training.process_group import ProcessGroup
with ProcessGroup.join(torch.device("cpu")) as group:
    shared = [torch.full((2, 3), float(group.rank)), torch.full((1,), 5.0 - group.rank)]
    if group.rank:
        while (order := group.receive_order()) is not None:
            group.broadcast_tensors(shared)
            group.send(torch.tensor([group.rank * order[1]]) + shared[1])
    else:
        for step in (7, 8):
            group.broadcast_order(2, step, True)
            group.broadcast_tensors(shared)
            print([group.receive(torch.zeros(1), rank).item() for rank in range(1, group.size)])
    sys.stdout.flush()
    os.write(1, f"{group.rank} {shared[0].sum().item()}\\n".encode())  # at once: another process may write too
"""


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_every_image_is_one_process_s_own(count, size, monkeypatch):
    parts = [ProcessGroup(rank, size).get_slice(count) for rank in range(size)]
    assert [n for part in parts for n in range(count)[part]] == list(range(count))
    lengths = [part.stop - part.start for part in parts]
    assert max(lengths) - min(lengths) <= 1
    assert lengths[0] >= 1
    assert ProcessGroup(0, size).get_slice(count, size - 1) == parts[-1]
    monkeypatch.setenv("WORLD_SIZE", str(size))
    assert max_images_per_process(count) == max(lengths)


def test_a_process_alone_is_a_group_of_one(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with ProcessGroup.join(torch.device("cpu")) as group:
        assert (group.rank, group.size) == (0, 1)


def test_who_leads_and_where_it_computes(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    assert not is_follower()
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert is_follower()
    assert [resolve_local_device(name) for name in ("cpu", "cuda", "cuda:0")] == ["cpu", "cuda:3", "cuda:0"]


def test_orders_values_and_answers_reach_each_other(tmp_path):
    (tmp_path / "talk.py").write_text(TOGETHER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3", "talk.py"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    lines = sorted(process.stdout.split("\n"))
    assert "[12.0, 19.0]" in lines  # 1 * 7 + 5 and 2 * 7 + 5: the leader's value is everybody's
    assert "[13.0, 21.0]" in lines
    assert [line for line in lines if line.endswith(" 0.0")] == ["0 0.0", "1 0.0", "2 0.0"]
