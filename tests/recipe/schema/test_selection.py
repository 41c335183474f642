"""Which student leaves a run, as a recipe describes it."""

import pytest
from pydantic import ValidationError

from zerokd.recipe.schema.selection import BestConfig


def test_a_metric_and_patience():
    assert BestConfig(metric="truth").patience == 0
    for wrong in ({}, {"metric": "truth", "patience": -1}, {"metric": "truth", "pationce": 1}):
        with pytest.raises(ValidationError):
            BestConfig(**wrong)
