"""What every loss must do."""

import zerokd_distill

from zerokd.testing import conformance


@conformance(zerokd_distill)
def test_conformance(check):
    check()
