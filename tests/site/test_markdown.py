from tools.site.markdown import GENERATED_MARK, build_page, build_table, code_block, docstring_to_markdown, inline_code


def test_a_cell_cannot_end_its_row():
    assert build_table(("a", "b"), [("x|y", "1\n2")]).splitlines()[2] == r"| x\|y | 1 2 |"


def test_a_docstring_becomes_markdown():
    assert docstring_to_markdown("``x`` of :func:`~zerokd.load` and :class:`Loss`") == "`x` of `zerokd.load` and `Loss`"


def test_a_page_says_that_it_is_made():
    assert build_page("# a", "", "b") == f"# a\n\nb\n\n{GENERATED_MARK}\n"


def test_code():
    assert (inline_code("x"), inline_code("")) == ("`x`", "")
    assert code_block("toml", "a = 1\n\n") == "```toml\na = 1\n```"
