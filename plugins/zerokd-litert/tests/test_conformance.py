"""What every exporter must do."""

import zerokd_litert

from zerokd.testing import conformance


@conformance(zerokd_litert)
def test_conformance(check):
    check()
