"""Text fits a terminal of 80 columns."""

from zerokd.text import TEXT_WIDTH, format_number, wrap_text


def test_lines_are_wrapped_and_a_long_word_stays_whole():
    lines = wrap_text("word " * 40, indent="    ", first_indent="  ")
    assert max(map(len, lines)) <= TEXT_WIDTH
    assert lines[0].startswith("  word")
    assert lines[1].startswith("    word")
    assert wrap_text("a" * 100) == ["a" * 100]


def test_numbers_have_so_many_significant_digits():
    assert [format_number(value) for value in (0, 0.12345, 123.456, 123456.0, 1e-5)] == [
        "0",
        "0.1235",
        "123.5",
        "1.23e+05",
        "1e-05",
    ]
    assert format_number(0.12345, 3) == "0.123"
