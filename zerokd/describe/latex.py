"""Equations as LaTeX."""

from __future__ import annotations

from zerokd.equation.expression import Expression, Number, Param

GREEK_LETTERS = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon
phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
GREEK_NAMES = frozenset(GREEK_LETTERS.split())


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
