"""Half precision is widened, double precision stays."""

import pytest
import torch
from zerokd_frequency.widen import widen


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(torch.float16, torch.float32), (torch.bfloat16, torch.float32), (torch.float64, torch.float64)],
)
def test_types(dtype, expected):
    assert widen(torch.ones(1, dtype=dtype)).dtype == expected
