"""A path becomes a function or class, with its distribution, and says why it cannot be a loss."""

import sys

import pytest
import torch

from zerokd.errors import RecipeError
from zerokd.plugin.library_callable import find_callable


def test_a_function_and_a_class_with_their_distribution():
    function, loss_class = find_callable("torch.nn.functional.l1_loss"), find_callable("torch.nn.L1Loss")
    assert function.wrapped is torch.nn.functional.l1_loss
    assert (function.module, function.name, function.path) == (
        "torch.nn.functional",
        "l1_loss",
        "torch.nn.functional.l1_loss",
    )
    assert (function.distribution, function.version) == ("torch", torch.__version__.partition("+")[0])
    assert function.read_tensor_names() == loss_class.read_tensor_names() == ["input", "target"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gmsd", "'gmsd' is not the path of a function or class"),
        ("torch.nn; import os", "is not the path of a function or class"),
        ("no_such_library_at_all.gmsd", "no_such_library_at_all is not installed here\n  pip install"),
        ("torch.no_such_module.gmsd", "torch.no_such_module cannot be imported"),
        ("torch.nn.L1Los", "torch.nn has no 'L1Los'\n  did you mean 'L1Loss'"),
        ("torch.__version__", "is neither a function nor a class: it is a TorchVersion"),
        ("math.sqrt", "math belongs to no installed distribution"),
    ],
)
def test_a_path_that_leads_nowhere_is_told(path, message):
    with pytest.raises(RecipeError) as raised:
        find_callable(path)
    assert message in str(raised.value)


def test_a_library_that_fails_when_it_is_imported_is_told(tmp_path, monkeypatch):
    (tmp_path / "fails_at_once.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RecipeError, match="fails_at_once cannot be imported: ZeroDivisionError"):
        find_callable("fails_at_once.loss")
    assert "fails_at_once" not in sys.modules


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("torch.seed", "takes no tensor"),
        ("torch.nn.functional.triplet_margin_loss", "takes 3 tensors first: anchor, positive, negative"),
    ],
)
def test_a_signature_that_is_no_loss_is_told(path, message):
    with pytest.raises(RecipeError, match=message):
        find_callable(path).read_tensor_names()


def test_a_metric_that_adds_up_is_no_loss():
    pytest.importorskip("torchmetrics", reason="torchmetrics is not installed")
    with pytest.raises(RecipeError, match="adds up what it is called with"):
        find_callable("torchmetrics.image.SpectralAngleMapper").read_tensor_names()
