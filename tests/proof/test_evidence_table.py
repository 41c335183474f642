"""Evidence is read in a terminal and in a notebook."""

from zerokd.proof.evidence import Evidence, TermEvidence

TERMS = (
    TermEvidence("task.color", 0.0123, 1.5, 0.01845, 1e-5, 2.0, 0.9999),
    TermEvidence("task.<b>", 1.0, 1.0, 1.0, 0.0, 12345.0, 0.0001),
)
EVIDENCE = Evidence("distill", 4, TERMS, ((1.0, -0.5), (-0.5, 1.0)), ("a < b",))


def test_a_row_for_each_term_then_conflicts_and_notes():
    assert str(EVIDENCE).splitlines() == [
        "  term          value   weight  contrib  |g| out  |g| par  share",
        "  task.color   0.0123      1.5   0.0185  1.0e-05        2 100.0%",
        "  task.<b>          1        1        1        0  1.2e+04  <0.1%",
        "  conflict -0.50: task.color and task.<b>",
        "  note: a < b",
    ]


def test_a_notebook_gets_a_table_with_nothing_unescaped():
    page = EVIDENCE._repr_html_()
    assert page.count("<tr>") == 3
    assert "<td>task.&lt;b&gt;</td>" in page
    assert "<li>note: a &lt; b</li>" in page
    assert "<b>" not in page
