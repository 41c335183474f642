"""Every rule of data sources fails on a source with that defect."""

import pytest
import torch

import zerokd
from tests.testing.planted import failing
from zerokd.testing.collection import RULES_BY_KIND


class Good(zerokd.Data):
    """Four flat images."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if not 0 <= index < 4:
            raise IndexError(index)
        return torch.full((3, self.config.size, self.config.size), 10 * index, dtype=torch.uint8)

    def name(self, index):
        return f"flat/{index}"


def variant(**names):
    return type("Planted", (Good,), {"__doc__": "A test.", **names})


def float_image(self, index):
    return Good.__getitem__(self, index).float()


def endless(self, index):
    return torch.zeros(3, self.config.size, self.config.size, dtype=torch.uint8)


def drawn(self, index):
    return Good.__getitem__(self, index) + torch.randint(0, 9, (), dtype=torch.uint8)


PLANTED = {
    "images": (variant(__getitem__=float_image), ()),
    "names": (variant(name=lambda self, index: "the same"), ()),
    "deterministic": (variant(__getitem__=drawn), ()),
    "ends": (variant(__getitem__=endless), ()),
    "references": (variant(reference=lambda self, index: torch.zeros(3, 4, 4)), ()),
}


def test_a_good_source_passes_everything():
    assert failing("data", Good) == {}


def test_every_rule_has_its_defect():
    assert {rule.name for rule in RULES_BY_KIND["data"]} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_the_check_fails_on_its_defect_and_hardly_another(name):
    component, others = PLANTED[name]
    result = failing("data", component)
    assert name in result
    assert set(result) <= {name, *others}, result


@pytest.mark.parametrize("name", ["/etc/passwd", "a/../../b", ""])
def test_names_lead_nowhere(name):
    def named(self, index):
        return f"{name}{index}" if name else name

    assert "names" in failing("data", variant(name=named))
