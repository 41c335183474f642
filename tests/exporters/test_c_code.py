"""The C of a program: numbers to the last bit, rows as deep as they are read, and nothing that C99 does not have."""

import re

from zerokd.exporters.c_code import generate_header
from zerokd.exporters.traced_program import trace_model
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp


def test_rows_are_kept_as_long_as_they_are_read():
    text = generate_header(trace_model(NanoDce().eval()), "student", "a student")
    buffers = dict(re.findall(r"float (\w+)_rows\[(\d)\]\[3\]\[STUDENT_STRIDE\]|$", text))
    assert buffers["low"] == "4"  # the first layer reads 1 to 3 rows ahead, the curve the row itself
    assert text.count("_rows[3][4][STUDENT_STRIDE]") == 2  # two hidden layers of four channels, three rows each
    assert "#define STUDENT_LAG 3 " in text


def test_the_header_has_no_heap_and_no_state():
    text = generate_header(trace_model(NanoDce().eval()), "tiny", "a student")
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    assert not re.search(r"\b(malloc|calloc|free|static (float|int|const)|double)\b", code)
    assert "student" not in code
    assert "$" not in code


def test_what_stands_in_the_comment_cannot_end_it():
    text = generate_header(trace_model(NanoDce().eval()), "student", "evil */ int x; /*")
    assert text.split("*/")[0].endswith("that is NaN gives NaN.\n ")


def test_wide_values_get_rows_of_their_own():
    narrow, wide = (generate_header(trace_model(ZeroDcePp(width=width).eval()), "teacher", "") for width in (4, 12))
    assert wide.count("_rows[1][12][TEACHER_STRIDE]") > 0
    assert "_rows[1][4][TEACHER_STRIDE]" not in narrow
