"""Names mean what they should."""

import pytest

from zerokd import LossSpec
from zerokd.errors import RecipeError
from zerokd.plugin.catalogue import Catalogue, Entry, Provider

BUILTIN, ONE, TWO = Provider("zerokd", "1.0", builtin=True), Provider("dist-one", "0.1"), Provider("dist-two", "0.2")


def entry(name, provider):
    return Entry(LossSpec(name, target="a:B", summary="a test"), provider)


@pytest.mark.parametrize(
    ("use", "provider"),
    [("mse", BUILTIN), ("dist-one:mse", ONE), ("zerokd:mse", BUILTIN), ("flat", ONE), ("dist-two:both", TWO)],
)
def test_bare_and_qualified_names(use, provider):
    catalogue = Catalogue(
        (entry("mse", ONE), entry("mse", BUILTIN), entry("flat", ONE), entry("both", ONE), entry("both", TWO))
    )
    assert catalogue.find("losses", use).provider == provider


@pytest.mark.parametrize("use", ["both", "nothing", "dist-two:flat", "dist-three:flat", ""])
def test_what_is_ambiguous_or_missing_is_refused(use):
    catalogue = Catalogue((entry("flat", ONE), entry("both", ONE), entry("both", TWO)))
    with pytest.raises(RecipeError):
        catalogue.find("losses", use)


def test_kinds_are_apart():
    with pytest.raises(RecipeError, match="unknown model 'mse'"):
        Catalogue((entry("mse", BUILTIN),)).find("models", "mse")
