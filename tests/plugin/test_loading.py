"""Every kind has its contract, and a class that does not keep it is refused by name."""

from zerokd.plugin.loading import CONTRACTS
from zerokd.plugin.specs import KINDS


def test_every_kind_has_a_contract():
    assert set(CONTRACTS) == set(KINDS)
