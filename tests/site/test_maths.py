"""Formulas as MathML: what a browser gets, with arithmatex in front as the site has it."""

import markdown

EXTENSIONS = {"pymdownx.arithmatex": {"generic": True}}


def html(text):
    return markdown.markdown(text, extensions=["pymdownx.arithmatex", "tools.site.maths"], extension_configs=EXTENSIONS)


def test_a_formula_in_a_line():
    rendered = html(r"the mean $\frac{1}{N}$ of all")
    assert '<math display="inline"' in rendered
    assert "<mfrac><mrow><mn>1</mn></mrow><mrow><mi>N</mi></mrow></mfrac>" in rendered
    assert "$" not in rendered
    assert r"\(" not in rendered


def test_a_formula_by_itself():
    rendered = html("before\n\n$$\na_b^2\n$$\n\nafter")
    assert '<math display="block"' in rendered
    assert "<msubsup><mi>a</mi><mi>b</mi><mn>2</mn></msubsup>" in rendered


def test_money_and_code_are_no_formulas():
    rendered = html("`$x$` costs $5 and $6 more")
    assert "<math" not in rendered
    assert "<code>$x$</code>" in rendered
