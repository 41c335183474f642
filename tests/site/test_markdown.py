from tools.site.markdown import MADE, code, fenced, from_docstring, page, table


def test_a_cell_cannot_end_its_row():
    assert table(("a", "b"), [("x|y", "1\n2")]).splitlines()[2] == r"| x\|y | 1 2 |"


def test_a_docstring_becomes_markdown():
    assert from_docstring("``x`` of :func:`~zerokd.load` and :class:`Loss`") == "`x` of `zerokd.load` and `Loss`"


def test_a_page_says_that_it_is_made():
    assert page("# a", "", "b") == f"# a\n\nb\n\n{MADE}\n"


def test_code():
    assert (code("x"), code("")) == ("`x`", "")
    assert fenced("toml", "a = 1\n\n") == "```toml\na = 1\n```"
