"""The page of other libraries: counts, measured images and reasons come from the losses themselves."""

import importlib.metadata

import pytest

import zerokd
from tools.site import libraries
from zerokd.plugin.catalogue import CatalogueEntry, Provider
from zerokd.plugin.discovery import discover_plugins

PORTS = {
    "image": zerokd.Port("the student's image", range=(0.0, 1.0), grad=True),
    "target": zerokd.Port("the image to match", range=(0.0, 1.0), like="image"),
}
TEXTS = {"ports": PORTS, "about": "Rewards the target.", "source": "a test.", "pitfalls": "none."}


def relative_root(image, target):
    """No value on black, and no gradient where both are equal."""
    return (image - target).square().mean().sqrt() / target.mean()


def difference(image, target):
    return (image - target).square().mean()


RelativeRoot = zerokd.wrap_loss(
    relative_root,
    finite_gradient=True,
    known_failures={
        "finite_values": "torch divides by 0",
        "bounds": "torch divides by 0",
        "finite_gradients": "torch takes a root of 0: ``relative_root(x, x)``",
    },
    **TEXTS,
)
Difference = zerokd.wrap_loss(difference, **TEXTS)


@pytest.fixture
def entries():
    """Two wrapped losses of a package named after torch, whose version is known, and a built-in loss."""
    provider = Provider("zerokd-torch")
    wrapped = [
        CatalogueEntry(zerokd.LossSpec(name, target=f"{__name__}:{class_name}", summary="a test"), provider)
        for name, class_name in (("relative_root", "RelativeRoot"), ("difference", "Difference"))
    ]
    return [*wrapped, discover_plugins().find("losses", "mse")]


def test_images_that_are_equal_are_measured():
    nan = "value NaN, gradient NaN"
    expected = {"black": nan, "grey": "gradient NaN", "white": "gradient NaN", "noise": "gradient NaN"}
    assert libraries.measure_equal_images(RelativeRoot, {}) == expected
    repaired = libraries.measure_equal_images(RelativeRoot, {"finite_gradient": True})
    assert repaired == expected | dict.fromkeys(("grey", "white", "noise"), "ok") | {"black": "value NaN"}
    assert set(libraries.measure_equal_images(Difference, {}).values()) == {"ok"}


def test_an_infinite_value_is_no_number():
    loss = zerokd.wrap_loss(lambda image, target: -(image - target).square().mean().log10(), name="Psnr", **TEXTS)
    assert libraries.measure_equal_images(loss, {})["grey"] == "value infinite, gradient NaN"


def test_the_page_counts_what_is_declared(entries):
    text = libraries.libraries_page(entries)
    assert "zerokd wraps 2 losses of torch with" in text
    assert "3 of these fail in the library's code, in 1 losses" in text
    version = importlib.metadata.version("torch")
    assert f"| torch {version} | 2 | 1 | 1 | 1 | 0 |" in text
    assert "1 of 2 losses have no value or no gradient" in text
    assert "| gradient NaN | `finite_gradient = true` |" in text  # which does not repair the value on black
    assert "| `finite_values`, `bounds` | torch divides by 0 |" in text
    assert "| `finite_gradients` | torch takes a root of 0: `relative_root(x, x)` |" in text
    assert "(../reference/components/losses/relative_root.md)" in text
    assert "mse" not in text


def test_several_libraries_are_joined():
    assert libraries._join(["kornia"]) == "kornia"
    assert libraries._join(["kornia", "piq", "torchmetrics"]) == "kornia, piq and torchmetrics"
