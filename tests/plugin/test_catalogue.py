"""Names mean what they should."""

import pytest

from zerokd import LossSpec, ModelSpec
from zerokd.errors import RecipeError
from zerokd.plugin.catalogue import BrokenPlugin, Catalogue, CatalogueEntry, Provider

BUILTIN, ONE, TWO = Provider("zerokd", "1.0", builtin=True), Provider("dist-one", "0.1"), Provider("dist-two", "0.2")


def entry(name, provider):
    return CatalogueEntry(LossSpec(name, target="a:B", summary="a test"), provider)


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


def test_a_name_is_looked_for_in_every_kind_and_of_everybody():
    model = CatalogueEntry(ModelSpec("mse", target="a:B", summary="a test"), ONE)
    catalogue = Catalogue((model, entry("mse", TWO), entry("mse", BUILTIN), entry("flat", ONE)))
    assert [(match.spec.kind, match.provider) for match in catalogue.find_by_name("mse")] == [
        ("losses", BUILTIN),
        ("losses", TWO),
        ("models", ONE),
    ]
    assert catalogue.find_by_name("dist-one:mse") == [model]


def test_an_unknown_name_is_told_with_the_nearest_and_with_what_is_broken():
    catalogue = Catalogue((entry("flat", ONE),), (BrokenPlugin(TWO, "ImportError: no"),))
    for use, near in (("flta", "flat"), ("dist-one:flta", "dist-one:flat")):
        with pytest.raises(RecipeError) as caught:
            catalogue.find_by_name(use)
        (problem,) = caught.value.problems
        assert problem.message == f"unknown component {use!r}"
        assert problem.hints == (
            f"did you mean {near!r}?  `zerokd list` shows all",
            "note: plugin dist-two 0.2 is broken: ImportError: no",
            "`zerokd show FILE --resolved` shows a recipe",
        )


def test_kinds_are_apart():
    with pytest.raises(RecipeError, match="unknown model 'mse'"):
        Catalogue((entry("mse", BUILTIN),)).find("models", "mse")
