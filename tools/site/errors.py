"""The reference of problems: each code with what it means, why it stops, and what to do."""

from __future__ import annotations

from tools.site.markdown import build_page, build_table
from zerokd.codes import ERROR_CODES

PROBLEMS_INTRODUCTION = """Every problem that is found before the first step is told at once, each with its place, what was got, what is
allowed, and what to do. The code in brackets after a message is its kind: `zerokd explain CODE` prints the same.
Messages about the command line itself, such as an option that there is not, have none."""
PROBLEM_EXAMPLE = """```text
recipes/x.toml:31:7: unknown loss 'multi_region_exposur' [unknown-component]
  31 | use = "multi_region_exposur"
     |       ^
  did you mean 'multi_region_exposure'?  `zerokd list losses` shows all 11
```"""


def errors_page() -> str:
    """Every code under a heading of its own."""
    rows = [(f"[`{name}`](#{name})", code.meaning) for name, code in ERROR_CODES.items()]
    parts = [_build_code_section(name) for name in ERROR_CODES]
    return build_page("# Problems", PROBLEMS_INTRODUCTION, PROBLEM_EXAMPLE, build_table(("code", "means"), rows), *parts)


def _build_code_section(name: str) -> str:
    one = ERROR_CODES[name]
    why = f"**Why:** {one.reason}\n\n" if one.reason else ""
    return f"## {name}\n\n{one.meaning}\n\n{why}**To do:** {one.fix}"
