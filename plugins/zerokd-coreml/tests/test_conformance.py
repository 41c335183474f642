"""What every exporter must do."""

import zerokd_coreml

from zerokd.testing import conformance


@conformance(zerokd_coreml)
def test_conformance(check):
    check()
