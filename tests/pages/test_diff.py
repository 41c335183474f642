"""Two runs: what differs is said, what does not is not."""

import re

import pytest

from tests.pages.runs import changed, copied
from zerokd.errors import RunFolderError
from zerokd.pages.diff import compare_runs, describe_difference, write_diff_page
from zerokd.pages.run_record import read_run

OTHER = (
    "terms.task.color.weight=2.5",
    'stages.distill.objective="alpha*distillation + beta*feature_matching + task + contrastive"',
)


def compared(tmp_path, *more):
    return compare_runs(read_run(copied(tmp_path, name="a")), read_run(copied(tmp_path, *more, name="b")))


def test_a_run_and_itself(tmp_path):
    found = compared(tmp_path)
    assert found.is_empty
    assert describe_difference(found).endswith("no difference except in training time")
    assert (found.recipe, found.environment) == ((), ())


def test_equation_weights_and_results(tmp_path):
    found = compared(tmp_path, *OTHER)
    assert not found.is_empty
    assert {row.name: (row.value_a, row.value_b) for row in found.recipe} == {
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
    assert float(fidelity.change or 0) == round(float(fidelity.value_b) - float(fidelity.value_a), 2)


def test_it_fits_a_terminal(tmp_path):
    text = describe_difference(compared(tmp_path, *OTHER))
    assert max(map(len, text.splitlines())) <= 80
    assert "contrastive" in text.split("recipe")[0]  # the equation is wrapped, not cut


def test_where_it_ran(tmp_path):
    one, other = copied(tmp_path, name="a"), changed(copied(tmp_path, name="b"), threads=8, platform="Elsewhere")
    rows = compare_runs(read_run(one), read_run(other)).environment
    assert [(row.name, row.value_b) for row in rows] == [("threads", "8"), ("platform", "Elsewhere")]


def test_a_page_with_both_students_side_by_side(tmp_path):
    one, other = copied(tmp_path, name="a"), copied(tmp_path, *OTHER, name="b")
    write_diff_page(one, other, tmp_path / "d.html")
    text = (tmp_path / "d.html").read_text()
    assert re.findall(r'<option value="i\d"( selected)?>\n?', text) or "selected" in text
    assert '<span class="tag l">student, A</span><span class="tag r">student, B</span>' in text
    assert text.count("<script") == 1


def test_an_unfinished_run_is_compared_as_far_as_it_goes(tmp_path):
    one, other = copied(tmp_path, name="a"), changed(copied(tmp_path, name="b"), result=None)
    rows = {row.name: row.value_b for row in compare_runs(read_run(one), read_run(other)).results}
    assert rows["student to teacher"] == "-"


def with_recipe(folder, old, new):
    path = folder / "recipe.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return read_run(folder)


def test_values_that_part_in_a_late_digit_differ(tmp_path):
    one = copied(tmp_path, name="a")
    found = compare_runs(read_run(one), with_recipe(copied(tmp_path, name="b"), "beta = 0.1", "beta = 0.1000001"))
    assert [(row.name, row.value_a, row.value_b) for row in found.recipe] == [("params.beta", "0.1", "0.1000001")]
    assert not found.is_empty


def test_long_values_are_shown_to_their_end(tmp_path):
    long = "x" * 90
    one = with_recipe(copied(tmp_path, name="a"), 'name = "paper"', f'name = "{long}1"')
    other = with_recipe(copied(tmp_path, name="b"), 'name = "paper"', f'name = "{long}2"')
    text = describe_difference(compare_runs(one, other))
    assert max(map(len, text.splitlines())) <= 80
    assert ("x1\n" in text, "x2\n" in text) == (True, True)


def test_a_terminal_is_not_driven_by_a_recipe(tmp_path):
    one = read_run(copied(tmp_path, name="a"))
    other = with_recipe(copied(tmp_path, name="b"), 'name = "paper"', 'name = "\\u001b[31mred\\u0007"')
    text = describe_difference(compare_runs(one, other))
    assert text.replace("\n", "").isprintable()
    assert r"\x1b[31mred\x07" in text


def test_a_damaged_account_is_told(tmp_path):
    one, other = copied(tmp_path, name="a"), changed(copied(tmp_path, name="b"), stages=[{}])
    with pytest.raises(RunFolderError, match="damaged or incomplete"):
        compare_runs(read_run(one), read_run(other))


def test_pictures_that_are_missing_are_said(tmp_path):
    one, other = copied(tmp_path, name="a"), copied(tmp_path, name="b")
    (other / "samples" / "distill.png").unlink()
    write_diff_page(one, other, tmp_path / "d.html")
    assert "<li>B: samples of stage distill</li>" in (tmp_path / "d.html").read_text()
