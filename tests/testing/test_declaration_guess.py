"""What is guessed of known functions: reduction, sign, sides, channels, scenes and defects."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zerokd.errors import RecipeError
from zerokd.plugin.library_callable import LibraryCallable, find_callable
from zerokd.testing.declaration_guess import guess_declaration


def guess(wrapped):
    """The guess for a function or class of a pretended library."""
    return guess_declaration(LibraryCallable("imagined", wrapped.__name__, wrapped, "imagined", "1.2"), "Guessed")


def test_a_function_with_a_reduction_is_called_on_the_batch():
    guessed = guess_declaration(find_callable("torch.nn.functional.l1_loss"), "Guessed")
    declaration = guessed.declaration
    assert (declaration.fixed, declaration.reduces_batch) == ({"reduction": "none"}, False)
    assert (declaration.as_loss, declaration.min_size, declaration.bounds) == ("value", 1, (0.0, math.inf))
    assert (declaration.best_on, declaration.worsens_with) == (("identical",), ("noise", "blur", "darkening"))
    assert not declaration.known_failures
    assert {port.channels for port in declaration.ports.values()} == {None}
    assert guessed.describe() == f"it passes {guessed.check_count} of {guessed.check_count} checks."
    assert not any(sentence.startswith(("known_failures", "examples", "as_loss")) for sentence in guessed.undecided)


def test_a_similarity_of_a_batch_of_colours_with_a_least_side_and_a_required_key():
    def similarity(x: torch.Tensor, y: torch.Tensor, window: int, max_val: float) -> torch.Tensor:
        if x.shape[1] != 3 or min(x.shape[2:]) < window - 2:
            raise ValueError("too small, or no colours")
        return 1 - ((x - y) / max_val).square().mean()

    declaration = guess(similarity).declaration
    assert (declaration.as_loss, declaration.reduces_batch, declaration.min_size) == ("1 - value", True, 9)
    assert (declaration.fixed, declaration.examples) == ({"max_val": 1.0}, ({"window": 11},))
    assert {port.channels for port in declaration.ports.values()} == {3}


def test_defects_become_known_failures_with_their_reasons():
    def root(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if x.sum().item() < 0:
            raise ValueError("negative")
        return (x - y).square().flatten(1).mean(dim=1).sqrt()

    guessed = guess(root)
    assert set(guessed.declaration.known_failures) == {"no_host_sync", "moves", "finite_gradients", "compiles"}
    assert guessed.declaration.finite_gradient
    assert guessed.declaration.known_failures["finite_gradients"].startswith("imagined 1.2: the gradient at port")
    assert "declared as known failures: no_host_sync" in guessed.describe()
    assert any(sentence.startswith("known_failures") for sentence in guessed.undecided)


def test_a_class_of_one_image():
    class Roughness(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return (image[..., 1:] - image[..., :-1]).abs().flatten(1).mean(dim=1)

    guessed = guess(Roughness)
    assert list(guessed.declaration.ports) == ["image"]
    assert (guessed.declaration.min_size, guessed.declaration.best_on) == (2, ("constant",))
    assert any(sentence.startswith("as_loss: whether less is better") for sentence in guessed.undecided)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x, y: (x - y).abs().flatten(1).sum(dim=1), "take a mean, not a sum"),
        (lambda x, y: (x - y).detach().mean(), "its value or gradient is missing"),
        (lambda x, y: F.nll_loss(x, y), "no call of imagined.<lambda>"),
        (lambda x, y: "text", "returned a str"),
    ],
)
def test_what_cannot_be_a_loss_says_why(function, message):
    with pytest.raises(RecipeError) as raised:
        guess(function)
    assert message in str(raised.value)
    assert "wrap a function of your own" in str(raised.value)
