"""What every loss must do."""

import zerokd_frequency

from zerokd.testing import conformance


@conformance(zerokd_frequency)
def test_conformance(check):
    check()
