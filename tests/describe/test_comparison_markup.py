"""A table as LaTeX, Markdown and CSV: it compiles, it renders, and its numbers are aligned."""

import csv
import io
import re

import markdown
import pytest
from attrs import evolve

from tests.describe.test_comparison_table import comparison
from tests.latex import compile_latex, needs_latex
from zerokd.describe.comparison_markup import (
    comparison_to_csv,
    comparison_to_latex,
    comparison_to_markdown,
    text_to_markdown,
)

HOSTILE = "a_b|c&d %5 $x$ ~^\\ {z} <b>*y*</b> #1 \"é\" '--' `中"


def renamed(name):
    """The table with another name for its student."""
    table = comparison()
    columns = [
        evolve(
            column,
            cells={name if method == "mine" else method: cell for method, cell in column.cells.items()},
            ranks={name if method == "mine" else method: rank for method, rank in column.ranks.items()},
        )
        for column in table.columns
    ]
    (baselines, (title, _)) = table.sections
    return evolve(table, columns=tuple(columns), sections=(baselines, (title, (name,))))


def test_latex_marks_ranks_and_separates_baselines():
    text = comparison_to_latex(comparison())
    assert re.search(r"^exposed curve \+ 3x3 +& +\\textbf\{14\.00\} & ", text, re.M)
    assert re.search(r"^mine +& +\\underline\{13\.50\} & ", text, re.M)
    assert text.index("constant curve") < text.index(r"\textit{trained}") < text.index("\nmine")
    assert r"PSNR $\uparrow$" in text
    assert r"cast $\downarrow$" in text


def test_numbers_are_aligned_in_the_source():
    latex = [line for line in comparison_to_latex(comparison()).splitlines() if line.count(" & ") > 4]
    positions = {tuple(match.start() for match in re.finditer("&", line)) for line in latex[1:]}
    assert len(positions) == 1
    rows = [line for line in comparison_to_markdown(comparison()).splitlines() if line.startswith("|")]
    assert len({tuple(match.start() for match in re.finditer(r"\|", line)) for line in rows}) == 1


@needs_latex
@pytest.mark.parametrize("name", ["mine", HOSTILE])
def test_latex_compiles_and_fits_the_page(name, tmp_path):
    table = evolve(renamed(name), command=f"zerokd evaluate '{HOSTILE}' --student x")
    log = compile_latex(comparison_to_latex(table), tmp_path, r"\usepackage{graphicx}")
    assert "Overfull" not in log
    assert "Missing character" not in log


def test_markdown_renders_as_a_table_with_the_name_as_it_is():
    text = comparison_to_markdown(renamed(HOSTILE))
    (line,) = [line for line in text.splitlines() if "13.50" in line]
    assert len(re.findall(r"(?<!\\)\|", line)) == 1 + 1 + len(comparison().columns)
    page = markdown.markdown(text, extensions=["tables"])
    assert page.count("<tr>") == 1 + 2 + 6
    assert "<strong>14.00</strong>" in page
    assert "<ins>13.50</ins>" in page
    assert "<b>" not in page
    assert '<td style="text-align: right;">' in page


def test_the_command_is_code_whatever_it_has():
    command = "zerokd evaluate 'a `b` *c*'"
    assert comparison_to_markdown(evolve(comparison(), command=command)).endswith(f"\n``{command}``")


def test_markdown_escapes():
    assert text_to_markdown("a_b|*c*") == r"a\_b\|\*c\*"


def test_csv_has_a_line_for_each_method_and_runs_nothing():
    lines = list(csv.DictReader(io.StringIO(comparison_to_csv(renamed("=1+1")))))
    assert [line["method"] for line in lines][-1] == "'=1+1"
    assert lines[-1]["reference.PSNR"] == "13.50"
    assert lines[0]["cost.parameters"] == ""
