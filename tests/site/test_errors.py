import re

from tools.site.errors import errors_page
from zerokd.codes import ERROR_CODES


def test_every_code_has_a_heading_and_a_row_that_leads_there():
    text = errors_page()
    assert re.findall(r"^## (\S+)$", text, re.M) == list(ERROR_CODES)
    assert re.findall(r"^\| \[`(\S+)`\]\(#\1\)", text, re.M) == list(ERROR_CODES)
    for code in ERROR_CODES.values():
        assert text.count(code.fix) == 1
