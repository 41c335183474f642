"""A comparison table as LaTeX, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from zerokd.describe.comparison_table import BEST, GROUP_TITLES, SECOND, ComparisonColumn, ComparisonTable
from zerokd.describe.latex import text_to_latex
from zerokd.student.evaluate.tables import escape_formula

MARKDOWN_SPECIALS = re.compile(r"[\\`*_{}\[\]<>|~#&$@]")
LATEX_ARROWS = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", "": ""}
MARKDOWN_ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}
LATEX_RANKS = {BEST: r"\textbf{%s}", SECOND: r"\underline{%s}"}
MARKDOWN_RANKS = {BEST: "**%s**", SECOND: "<ins>%s</ins>"}
FIT_TO_LINE = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
Row = list[str]


def comparison_to_latex(table: ComparisonTable) -> str:
    """A table environment with its notes. It needs the package graphicx, which narrows what is wider than a line."""
    name_header = ["", *(text_to_latex(column.title) + LATEX_ARROWS[column.better] for column in table.columns)]
    bodies = [_format_rows(table, names, text_to_latex, LATEX_RANKS, "--") for _, names in table.sections]
    widths = _measure_columns([name_header, *(row for rows in bodies for row in rows)])
    lines = [
        r"% needs \usepackage{graphicx}",
        r"\begin{table}",
        r"\centering",
        FIT_TO_LINE,
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\hline",
        *_format_latex_groups(table.columns),
        _join_latex_cells(name_header, widths),
    ]
    for (title, _), rows in zip(table.sections, bodies, strict=True):
        section = rf"\multicolumn{{{len(table.columns) + 1}}}{{l}}{{\textit{{{text_to_latex(title)}}}}} \\"
        lines += [r"\hline", section, *(_join_latex_cells(row, widths) for row in rows)]
    lines += [r"\hline", r"\end{tabular}}", rf"\caption{{{text_to_latex(table.caption)}}}"]
    lines += [r"\begin{minipage}{\linewidth}", r"\footnotesize\raggedright", *map(_format_latex_note, table.notes)]
    lines += [_format_latex_command(table.command)] if table.command else []
    return "\n".join([*lines, r"\end{minipage}", r"\end{table}"])


def comparison_to_markdown(table: ComparisonTable) -> str:
    """A table as GitHub renders it, then the notes."""
    header = ["", *(_format_markdown_title(column) for column in table.columns)]
    rows: list[Row] = []
    for title, names in table.sections:
        rows.append([f"*{title}*", *[""] * len(table.columns)])
        rows += _format_rows(table, names, text_to_markdown, MARKDOWN_RANKS, "-")
    widths = _measure_columns([header, *rows])
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_join_markdown_cells(row, widths) for row in (header, rule, *rows)]
    notes = [text_to_markdown(note) for note in table.notes]
    fence = "`" * (max(map(len, re.findall("`+", table.command)), default=0) + 1)
    command = [fence + table.command + fence] if table.command else []
    return "\n".join([f"{table.caption}:", "", *lines, "", *(f"{note}  " for note in notes), *command])


def comparison_to_csv(table: ComparisonTable) -> str:
    """A line for each method, with the numbers as they are in the other tables."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["method", *(f"{column.group}.{column.title}" for column in table.columns)])
    for name in (name for _, names in table.sections for name in names):
        writer.writerow([escape_formula(name), *(column.cells.get(name, "") for column in table.columns)])
    return file.getvalue().rstrip("\n")


def text_to_markdown(text: str) -> str:
    """Text in which nothing is taken for Markdown or HTML."""
    return MARKDOWN_SPECIALS.sub(lambda match: f"\\{match[0]}", text)


def _format_rows(
    table: ComparisonTable, names: Iterable[str], escape: Callable[[str], str], ranks: dict[int, str], absent: str
) -> list[Row]:
    return [[escape(name), *(_format_cell(column, name, ranks, absent) for column in table.columns)] for name in names]


def _format_cell(column: ComparisonColumn, name: str, ranks: dict[int, str], absent: str) -> str:
    template = ranks.get(column.ranks.get(name, 0), "%s")
    return template % column.cells.get(name, absent)


def _format_latex_groups(columns: Iterable[ComparisonColumn]) -> Iterator[str]:
    groups = [(group, len(list(members))) for group, members in groupby(columns, lambda column: column.group)]
    yield "".join(rf" & \multicolumn{{{size}}}{{c}}{{{GROUP_TITLES[group]}}}" for group, size in groups) + r" \\"


def _format_latex_note(note: str) -> str:
    return rf"{text_to_latex(note)}\par"


def _format_latex_command(command: str) -> str:
    return r"\allowbreak ".join(rf"\texttt{{{text_to_latex(word)} }}" for word in command.split(" "))


def _format_markdown_title(column: ComparisonColumn) -> str:
    suffix = " to teacher" if column.group == "teacher" else ""
    return f"{text_to_markdown(column.title)}{suffix}{MARKDOWN_ARROWS[column.better]}"


def _measure_columns(rows: Iterable[Row]) -> list[int]:
    return [max(map(len, cells)) for cells in zip(*rows, strict=True)]


def _pad_cells(row: Row, widths: list[int]) -> Row:
    """The cells of the source in columns: the name to the left, numbers to the right."""
    numbers = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
    return [f"{row[0]:<{widths[0]}}", *numbers]


def _join_latex_cells(row: Row, widths: list[int]) -> str:
    return " & ".join(_pad_cells(row, widths)) + r" \\"


def _join_markdown_cells(row: Row, widths: list[int]) -> str:
    return f"| {' | '.join(_pad_cells(row, widths))} |"
