"""The closed-form inputs of the golden figures are what the figures were computed from."""

import pytest


@pytest.mark.parametrize("name", ["low", "enh", "tea", "cur", "feat4", "feat32"])
def test_spot_checks(golden, name):
    image = golden[name]
    result = [image[0, 0, 3, 5].item(), image[1, -1, 7, 2].item(), image.mean().item()]
    assert result == pytest.approx(golden.checks[name], abs=1e-12)
