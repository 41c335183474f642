"""Equations, and text in any document, as LaTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from zerokd.equation.expression import Expression, Number, Param

GREEK_LETTERS = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon
phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
GREEK_NAMES = frozenset(GREEK_LETTERS.split())
TEXT_SPECIALS = {
    **{character: f"\\{character}" for character in "#$%&_{}"},
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}",
    "<": r"\textless{}", ">": r"\textgreater{}", '"': r"\char34{}", "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}",
    "ł": r"\l{}", "Ł": r"\L{}",
    "\u2013": r"\textendash{}", "\u00d7": r"\ensuremath{\times}", "↑": r"\ensuremath{\uparrow}",
    "↓": r"\ensuremath{\downarrow}", "±": r"\ensuremath{\pm}", "µ": r"\ensuremath{\mu}",
}  # fmt: skip
LINE_LENGTH = 62  # visible characters of an equation that fit a line of the article class, as most are subscripts
ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip


def text_to_latex(text: str) -> str:
    """Plain text as ASCII that pdfLaTeX, XeLaTeX and LuaLaTeX typeset as it reads.

    A character that the standard fonts lack becomes its code point, such as ``U+4E2D``.
    """
    return "".join(map(_character_to_latex, unicodedata.normalize("NFC", text))).replace("--", "-{}-")


def _character_to_latex(character: str) -> str:
    base, *marks = list(unicodedata.normalize("NFD", character))
    if character in TEXT_SPECIALS:
        return TEXT_SPECIALS[character]
    if len(marks) == 1 and marks[0] in ACCENTS and base.isascii():
        return f"\\{ACCENTS[marks[0]]}{{{base}}}"
    return character if character.isascii() and character.isprintable() else f"U+{ord(character):04X}"


def name_to_latex(text: str) -> str:
    """A Greek letter as its command, any other name as upright text."""
    return f"\\{text}" if text in GREEK_NAMES else f"\\mathrm{{{text.replace('_', chr(92) + '_')}}}"


def number_to_latex(value: float) -> str:
    """Up to six digits, with powers of ten written out."""
    mantissa, _, exponent = f"{value:.6g}".partition("e")
    return f"{mantissa} \\cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def loss_to_latex(label: str) -> str:
    """The loss of a term, group or stage: a script L with its name."""
    return f"\\mathcal{{L}}_{{{name_to_latex(label)}}}"


def expression_to_latex(expression: Expression) -> str:
    """An expression over parameters of the recipe."""
    if isinstance(expression, Number):
        return number_to_latex(expression.value)
    if isinstance(expression, Param):
        return name_to_latex(expression.name)
    parts = [expression_to_latex(operand) for operand in expression.operands]
    if expression.operator in ("min", "max"):
        return f"\\{expression.operator}({', '.join(parts)})"
    if expression.operator == "-":
        return f"-{parts[0]}"
    if expression.operator == "/":
        return f"\\frac{{{parts[0]}}}{{{parts[1]}}}"
    if expression.operator == "*":
        return " \\, ".join(parts)
    return "(" + " + ".join(parts).replace("+ -", "- ") + ")"


def coefficient_to_latex(expression: Expression) -> str:
    """A coefficient before its factor; empty for 1."""
    return "" if isinstance(expression, Number) and expression.value == 1 else f"{expression_to_latex(expression)} \\, "


def sums_to_latex(sums: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Equations, each of a left side and the terms of its right side, below one another; long ones in several lines."""
    room = LINE_LENGTH - max(_visible_length(left) for left, _ in sums)
    lines = [
        ("" if number else left) + (r" &\quad {} + " if number else " &= ") + " + ".join(parts)
        for left, terms in sums
        for number, parts in enumerate(_break_into_lines(terms, room))
    ]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _break_into_lines(terms: Sequence[str], room: int) -> list[list[str]]:
    lines: list[list[str]] = [[]]
    for term in terms:
        if lines[-1] and _visible_length(" + ".join([*lines[-1], term])) > room:
            lines.append([])
        lines[-1].append(term)
    return lines


def _visible_length(text: str) -> int:
    return len(re.sub(r"\\(?:mathrm|mathcal|quad|frac|,)|[{}\\_]", "", text))
