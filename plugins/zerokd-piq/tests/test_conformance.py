"""What every loss must do, but for what piq is known to fail."""

import zerokd_piq

from zerokd.testing import conformance


@conformance(zerokd_piq)
def test_conformance(check):
    check()
