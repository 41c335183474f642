import re

from tools.site.errors import errors_page
from zerokd.codes import CODES


def test_every_code_has_a_heading_and_a_row_that_leads_there():
    text = errors_page()
    assert re.findall(r"^## (\S+)$", text, re.M) == list(CODES)
    assert re.findall(r"^\| \[`(\S+)`\]\(#\1\)", text, re.M) == list(CODES)
    for one in CODES.values():
        assert text.count(one.fix) == 1
