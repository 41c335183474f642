"""Two runs: what differs is said, what does not is not."""

import re

from tests.pages.runs import changed, copied
from zerokd.pages.diff import as_text, difference, write_page
from zerokd.pages.run_facts import read_run

OTHER = (
    "terms.task.color.weight=2.5",
    'stages.distill.objective="alpha*distillation + beta*feature_matching + task + contrastive"',
)


def compared(tmp_path, *more):
    return difference(read_run(copied(tmp_path, name="a")), read_run(copied(tmp_path, *more, name="b")))


def test_a_run_and_itself(tmp_path):
    found = compared(tmp_path)
    assert found.nothing
    assert as_text(found).endswith("nothing differs but the time it took")
    assert (found.recipe, found.environment) == ((), ())


def test_equation_weights_and_results(tmp_path):
    found = compared(tmp_path, *OTHER)
    assert not found.nothing
    assert {row.name: (row.one, row.other) for row in found.recipe} == {
        "terms.task.color.weight": ("1.2", "2.5"),
        "stages.distill.objective": (
            "alpha*distillation + beta*feature_matching + (1 - alpha - beta)*task + contrastive",
            "alpha*distillation + beta*feature_matching + task + contrastive",
        ),
    }
    assert [row.differs for row in found.equations] == [False, True]
    (sha,) = (row for row in found.results if row.name == "student sha256")
    assert sha.differs
    (fidelity,) = (row for row in found.results if row.name == "student to teacher")
    assert float(fidelity.change or 0) == round(float(fidelity.other) - float(fidelity.one), 2)


def test_it_fits_a_terminal(tmp_path):
    text = as_text(compared(tmp_path, *OTHER))
    assert max(map(len, text.splitlines())) <= 80
    assert "contrastive" in text.split("recipe")[0]  # the equation is wrapped, not cut


def test_where_it_ran(tmp_path):
    one, other = copied(tmp_path, name="a"), changed(copied(tmp_path, name="b"), threads=8, platform="Elsewhere")
    rows = difference(read_run(one), read_run(other)).environment
    assert [(row.name, row.other) for row in rows] == [("threads", "8"), ("platform", "Elsewhere")]


def test_a_page_with_both_students_side_by_side(tmp_path):
    one, other = copied(tmp_path, name="a"), copied(tmp_path, *OTHER, name="b")
    write_page(one, other, tmp_path / "d.html")
    text = (tmp_path / "d.html").read_text()
    assert re.findall(r'<option value="i\d"( selected)?>\n?', text) or "selected" in text
    assert '<span class="tag l">student, A</span><span class="tag r">student, B</span>' in text
    assert text.count("<script") == 1


def test_an_unfinished_run_is_compared_as_far_as_it_goes(tmp_path):
    one, other = copied(tmp_path, name="a"), changed(copied(tmp_path, name="b"), result=None)
    rows = {row.name: row.other for row in difference(read_run(one), read_run(other)).results}
    assert rows["student to teacher"] == "-"
