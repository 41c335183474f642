"""What every aggregator must do."""

import zerokd_torchjd

from zerokd.testing import conformance


@conformance(zerokd_torchjd)
def test_conformance(check):
    check()
