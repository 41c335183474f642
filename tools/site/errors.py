"""The reference of errors: the meaning of each code, why zerokd stops, and the fix."""

from __future__ import annotations

from tools.site.markdown import build_page, build_table
from zerokd.codes import ERROR_CODES

ERRORS_INTRODUCTION = """zerokd reports all errors of a recipe at once, before training starts. Each message names the place, the value found,
the allowed values, and a fix. The code in brackets identifies the error: `zerokd explain CODE` prints its text below.
Errors in the use of the command line itself, such as an unknown option, have no code."""
ERROR_EXAMPLE = """```text
recipes/x.toml:31:7: unknown loss 'multi_region_exposur' [unknown-component]
  31 | use = "multi_region_exposur"
     |       ^
  did you mean 'multi_region_exposure'?  `zerokd list losses` shows all
```"""


def errors_page() -> str:
    """Every code under its own heading."""
    rows = [(f"[`{name}`](#{name})", code.meaning) for name, code in ERROR_CODES.items()]
    parts = [_build_code_section(name) for name in ERROR_CODES]
    return build_page("# Errors", ERRORS_INTRODUCTION, ERROR_EXAMPLE, build_table(("code", "meaning"), rows), *parts)


def _build_code_section(name: str) -> str:
    code = ERROR_CODES[name]
    why = f"**Why:** {code.reason}\n\n" if code.reason else ""
    return f"## {name}\n\n{code.meaning}\n\n{why}**Fix:** {code.fix}"
