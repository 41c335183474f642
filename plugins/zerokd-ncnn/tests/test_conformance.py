"""What every exporter must do."""

import zerokd_ncnn

from zerokd.testing import conformance


@conformance(zerokd_ncnn)
def test_conformance(check):
    check()
