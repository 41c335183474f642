"""What every loss must do, but for what torchmetrics is known to fail."""

import zerokd_torchmetrics

from zerokd.testing import conformance


@conformance(zerokd_torchmetrics)
def test_conformance(check):
    check()
