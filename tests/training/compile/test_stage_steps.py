"""Which steps are compiled or recorded is decided in one place; by default, on a CPU, none."""

import torch

from zerokd.recipe.schema.speed import SpeedConfig
from zerokd.training.compile.stage_steps import uses_cuda_graph


def test_a_cpu_records_no_step():
    assert not uses_cuda_graph(SpeedConfig(), torch.zeros(1, 3, 8, 8))
    assert not uses_cuda_graph(SpeedConfig(replay=False), torch.zeros(1, 3, 8, 8))
