"""Two runs: what differs is said, what does not is not."""

import re

import pytest

from tests.pages.runs import changed, copied
from zerokd.errors import RunFolderError
from zerokd.pages.diff import compare_runs, describe_difference, write_diff_page
from zerokd.pages.run_record import read_run

CHANGES = (
    "terms.task.color.weight=2.5",
    'stages.distill.objective="alpha*distillation + beta*feature_matching + task + contrastive"',
)


def compare_copies(tmp_path, *more):
    return compare_runs(read_run(copied(tmp_path, name="a")), read_run(copied(tmp_path, *more, name="b")))


def test_a_run_and_itself(tmp_path):
    difference = compare_copies(tmp_path)
    assert difference.is_empty
    assert describe_difference(difference).endswith("no difference except in training time")
    assert (difference.recipe, difference.environment) == ((), ())


def test_equation_weights_and_results(tmp_path):
    difference = compare_copies(tmp_path, *CHANGES)
    assert not difference.is_empty
    assert {row.name: (row.value_a, row.value_b) for row in difference.recipe} == {
        "terms.task.color.weight": ("1.2", "2.5"),
        "stages.distill.objective": (
            "alpha*distillation + beta*feature_matching + (1 - alpha - beta)*task + contrastive",
            "alpha*distillation + beta*feature_matching + task + contrastive",
        ),
    }
    assert [row.differs for row in difference.equations] == [False, True]
    (sha,) = (row for row in difference.results if row.name == "student sha256")
    assert sha.differs
    (fidelity,) = (row for row in difference.results if row.name == "student to teacher")
    assert float(fidelity.change or 0) == round(float(fidelity.value_b) - float(fidelity.value_a), 2)


def test_it_fits_a_terminal(tmp_path):
    text = describe_difference(compare_copies(tmp_path, *CHANGES))
    assert max(map(len, text.splitlines())) <= 80
    assert "contrastive" in text.split("recipe")[0]  # the equation is wrapped, not cut


def test_where_it_ran(tmp_path):
    first, second = copied(tmp_path, name="a"), changed(copied(tmp_path, name="b"), threads=8, platform="Elsewhere")
    rows = compare_runs(read_run(first), read_run(second)).environment
    assert [(row.name, row.value_b) for row in rows] == [("threads", "8"), ("platform", "Elsewhere")]


def test_a_page_with_both_students_side_by_side(tmp_path):
    first, second = copied(tmp_path, name="a"), copied(tmp_path, *CHANGES, name="b")
    write_diff_page(first, second, tmp_path / "d.html")
    text = (tmp_path / "d.html").read_text()
    assert re.findall(r'<option value="i\d"( selected)?>\n?', text) or "selected" in text
    assert '<span class="tag l">student, A</span><span class="tag r">student, B</span>' in text
    assert text.count("<script") == 1


def test_an_unfinished_run_is_compared_as_far_as_it_goes(tmp_path):
    first, second = copied(tmp_path, name="a"), changed(copied(tmp_path, name="b"), result=None)
    rows = {row.name: row.value_b for row in compare_runs(read_run(first), read_run(second)).results}
    assert rows["student to teacher"] == "-"


def with_recipe(folder, old, new):
    path = folder / "recipe.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return read_run(folder)


def test_values_that_part_in_a_late_digit_differ(tmp_path):
    first = copied(tmp_path, name="a")
    difference = compare_runs(
        read_run(first), with_recipe(copied(tmp_path, name="b"), "beta = 0.1", "beta = 0.1000001")
    )
    assert [(row.name, row.value_a, row.value_b) for row in difference.recipe] == [("params.beta", "0.1", "0.1000001")]
    assert not difference.is_empty


def test_long_values_are_shown_to_their_end(tmp_path):
    long = "x" * 90
    first = with_recipe(copied(tmp_path, name="a"), 'name = "paper"', f'name = "{long}1"')
    second = with_recipe(copied(tmp_path, name="b"), 'name = "paper"', f'name = "{long}2"')
    text = describe_difference(compare_runs(first, second))
    assert max(map(len, text.splitlines())) <= 80
    assert ("x1\n" in text, "x2\n" in text) == (True, True)


def test_a_terminal_is_not_driven_by_a_recipe(tmp_path):
    first = read_run(copied(tmp_path, name="a"))
    second = with_recipe(copied(tmp_path, name="b"), 'name = "paper"', 'name = "\\u001b[31mred\\u0007"')
    text = describe_difference(compare_runs(first, second))
    assert text.replace("\n", "").isprintable()
    assert r"\x1b[31mred\x07" in text


def test_a_damaged_account_is_told(tmp_path):
    first, second = copied(tmp_path, name="a"), changed(copied(tmp_path, name="b"), stages=[{}])
    with pytest.raises(RunFolderError, match="damaged or incomplete"):
        compare_runs(read_run(first), read_run(second))


def test_pictures_that_are_missing_are_said(tmp_path):
    first, second = copied(tmp_path, name="a"), copied(tmp_path, name="b")
    (second / "samples" / "distill.png").unlink()
    write_diff_page(first, second, tmp_path / "d.html")
    assert "<li>B: samples of stage distill</li>" in (tmp_path / "d.html").read_text()
