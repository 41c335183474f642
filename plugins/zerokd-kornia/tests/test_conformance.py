"""What every loss must do, but for what kornia is known to fail."""

import zerokd_kornia

from zerokd.testing import conformance


@conformance(zerokd_kornia)
def test_conformance(check):
    check()
