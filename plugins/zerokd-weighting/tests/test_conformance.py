"""What every aggregator must do."""

import zerokd_weighting

from zerokd.testing import conformance


@conformance(zerokd_weighting)
def test_conformance(check):
    check()
