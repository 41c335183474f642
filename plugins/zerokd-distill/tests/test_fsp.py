"""Flow matrices by hand."""

import pytest
import torch
from zerokd_distill.fsp import Fsp, fsp_matrix


def test_a_matrix_by_hand():
    first = torch.tensor([[1.0, 2.0], [0.0, 4.0]]).view(1, 2, 1, 2)
    second = torch.tensor([3.0, 5.0]).view(1, 1, 1, 2)
    assert fsp_matrix(first, second).tolist() == [[[6.5], [10.0]]]


def test_the_loss_is_the_mean_squared_difference_of_two_matrices():
    student = [torch.rand(2, 3, 4, 4, dtype=torch.float64), torch.rand(2, 5, 4, 4, dtype=torch.float64)]
    teacher = [torch.rand(2, 3, 8, 8, dtype=torch.float64), torch.rand(2, 5, 8, 8, dtype=torch.float64)]
    matrices = [torch.einsum("nchw,ndhw->ncd", *layers) / layers[0][0, 0].numel() for layers in (student, teacher)]
    names = ("student_first", "student_second", "teacher_first", "teacher_second")
    values = Fsp()(**dict(zip(names, (*student, *teacher), strict=True)))
    torch.testing.assert_close(values, (matrices[0] - matrices[1]).square().mean(dim=(1, 2)))


def test_a_larger_layer_is_averaged_to_the_smaller():
    first, second = torch.tensor([1.0, 3.0]).view(1, 1, 1, 2), torch.full((1, 1, 1, 1), 4.0)
    assert fsp_matrix(first, second).item() == pytest.approx(8.0)
