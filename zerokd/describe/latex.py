"""An equation as LaTeX."""

from __future__ import annotations

from zerokd.equation.expression import Expression, Number, Param

LETTERS = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon
phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
GREEK = frozenset(LETTERS.split())


def name(text: str) -> str:
    """A name: a Greek letter by its command, else upright text."""
    return f"\\{text}" if text in GREEK else f"\\mathrm{{{text.replace('_', chr(92) + '_')}}}"


def number(value: float) -> str:
    """Up to six digits, powers of ten written out."""
    mantissa, _, exponent = f"{value:.6g}".partition("e")
    return f"{mantissa} \\cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def loss(label: str) -> str:
    return f"\\mathcal{{L}}_{{{name(label)}}}"


def latex(expression: Expression) -> str:
    """An expression over params."""
    if isinstance(expression, Number):
        return number(expression.value)
    if isinstance(expression, Param):
        return name(expression.name)
    parts = [latex(one) for one in expression.operands]
    if expression.sign in ("min", "max"):
        return f"\\{expression.sign}({', '.join(parts)})"
    if expression.sign == "-":
        return f"-{parts[0]}"
    if expression.sign == "/":
        return f"\\frac{{{parts[0]}}}{{{parts[1]}}}"
    if expression.sign == "*":
        return " \\, ".join(parts)
    return "(" + " + ".join(parts).replace("+ -", "- ") + ")"


def factor(expression: Expression) -> str:
    """A coefficient before what it multiplies; nothing for 1."""
    return "" if isinstance(expression, Number) and expression.value == 1 else f"{latex(expression)} \\, "
