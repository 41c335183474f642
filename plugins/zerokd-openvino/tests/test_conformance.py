"""What every exporter must do."""

import pytest
import zerokd_openvino

from zerokd.testing import conformance

pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'zerokd-openvino[runtime]'")


@conformance(zerokd_openvino)
def test_conformance(check):
    check()
