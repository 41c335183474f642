"""The reference of problems: each code with what it means, why it stops, and what to do."""

from __future__ import annotations

from tools.site.markdown import page, table
from zerokd.codes import CODES

ABOUT = """Every problem that is found before the first step is told at once, each with its place, what was got, what is
allowed, and what to do. The code in brackets after a message is its kind: `zerokd explain CODE` prints the same.
Messages about the command line itself, such as an option that there is not, have none."""
EXAMPLE = """```text
recipes/x.toml:31:7: unknown loss 'multi_region_exposur' [unknown-component]
  31 | use = "multi_region_exposur"
     |       ^
  did you mean 'multi_region_exposure'?  `zerokd list losses` shows all 11
```"""


def errors_page() -> str:
    """Every code under a heading of its own."""
    rows = [(f"[`{name}`](#{name})", code.means) for name, code in CODES.items()]
    parts = [_code(name) for name in CODES]
    return page("# Problems", ABOUT, EXAMPLE, table(("code", "means"), rows), *parts)


def _code(name: str) -> str:
    one = CODES[name]
    why = f"**Otherwise:** {one.why}\n\n" if one.why else ""
    return f"## {name}\n\n{one.means}\n\n{why}**To do:** {one.fix}"
