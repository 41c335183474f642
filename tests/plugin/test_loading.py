"""Every kind has its contract, and a class that does not keep it is refused by name."""

import pytest
from pydantic import Field

import zerokd
from zerokd.errors import RecipeError
from zerokd.plugin.catalogue import CatalogueEntry, Provider
from zerokd.plugin.component import Component
from zerokd.plugin.kinds import KINDS
from zerokd.plugin.loading import load_component


def test_every_kind_has_a_contract():
    assert all(issubclass(kind.load_contract(), Component) for kind in KINDS.values())


class Good(zerokd.Loss):
    ports = {"image": zerokd.Port("the image", grad=True)}


class Reserved(zerokd.Config):
    weight: float = Field(1.0, description="belongs to the recipe")


def load(**names):
    component = type("Planted", (Good,), names)
    spec = zerokd.LossSpec("planted", target="a:B", summary="a test")
    object.__setattr__(spec, "target", "builtins:object")
    entry = CatalogueEntry(spec, Provider("mine", "1.0"))
    type(spec).load, real = (lambda self: component), type(spec).load
    try:
        return load_component(entry)
    finally:
        type(spec).load = real


def test_a_good_one_is_returned():
    assert issubclass(load(), Good)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"ports": 5}, "must declare its ports"),
        ({"ports": {"a": "the image"}}, "must declare its ports"),
        ({"ports": {"a": zerokd.Port("x", like="b")}}, "like` one that it does not declare"),
        ({"Config": 7}, "the Config of mine:planted is not a Config"),
        ({"Config": Reserved}, "config keys that belong to the recipe: weight"),
        ({"examples": 3}, "declares examples as 3"),
        ({"examples": ("a",)}, "declares examples as"),
        ({"known_failures": "abc"}, "declares known_failures as 'abc'"),
        ({"known_failures": {"compiles": ""}}, "not a dict of check to reason"),
        ({"bounds": (1.0, 0.0)}, "declares bounds as"),
        ({"bounds": 3}, "declares bounds as 3"),
        ({"best_on": "grey"}, "declares best_on as 'grey', not a tuple"),
        ({"worsens_with": None}, "declares worsens_with as None"),
    ],
)
def test_a_declaration_of_another_type_is_refused_by_name(names, message):
    with pytest.raises(RecipeError) as caught:
        load(**names)
    assert message in str(caught.value)
    assert "mine:planted" in str(caught.value)
