"""A share, rounded, and one image that always trains."""

import pytest

from zerokd.recipe.build.held_out import count_held_out


@pytest.mark.parametrize(
    ("images", "share", "count"), [(10, 0.1, 1), (10, 0.0, 0), (1, 0.5, 0), (2, 0.5, 1), (3, 0.5, 2), (600, 0.1, 60)]
)
def test_counts_by_hand(images, share, count):
    assert count_held_out(images, share) == count
