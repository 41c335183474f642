"""Every component of this package does what its kind promises."""

import zerokd_retinex

from zerokd.testing import conformance


@conformance(zerokd_retinex)
def test_conformance(check):
    check()
