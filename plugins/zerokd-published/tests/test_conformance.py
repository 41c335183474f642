"""Every component of this package does what its kind promises."""

import zerokd_published

from zerokd.testing import conformance


@conformance(zerokd_published)
def test_conformance(check):
    check()
