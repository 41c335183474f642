"""What differs between two runs: what they were asked for, where they ran, and what came out."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

from attrs import frozen

from zerokd.describe.evidence_text import WIDTH, wrapped
from zerokd.errors import printable
from zerokd.files.atomic import write_text
from zerokd.pages.report import rendered
from zerokd.pages.run_facts import Run, accounted, read_run

ABSENT = "-"


@frozen
class Row:
    """One thing that both runs say something of; ``change`` is their difference where both are numbers."""

    name: str
    one: str
    other: str
    change: str = ""

    @property
    def differs(self) -> bool:
        return self.one != self.other


@frozen(eq=False)
class Difference:
    """Rows of what was asked for and where it ran, only where they differ; all rows of what came out."""

    names: tuple[str, str]
    equations: tuple[Row, ...]
    recipe: tuple[Row, ...]
    environment: tuple[Row, ...]
    results: tuple[Row, ...]

    @property
    def nothing(self) -> bool:
        rows = (*self.equations, *self.recipe, *self.environment, *self.results)
        return not any(row.differs for row in rows if row.name != "seconds")


def difference(one: Run, other: Run) -> Difference:
    """Compare two runs by their own accounts.

    Raises:
        RunFolderError: an account is damaged.
    """
    with accounted(one, other):
        return _difference(one, other)


def _difference(one: Run, other: Run) -> Difference:
    names = (one.name, other.name) if one.name != other.name else (f"{one.name} (1)", f"{other.name} (2)")
    recipes = tuple(dict(_leaves(_tables(run.recipe))) for run in (one, other))
    equations = tuple(
        {str(about["name"]): str(about["objective"]) for about in r.manifest["stages"]} for r in (one, other)
    )
    return Difference(
        names,
        tuple(_rows(*equations)),
        tuple(row for row in _rows(*recipes) if row.differs),
        tuple(row for row in _rows(_environment(one.manifest), _environment(other.manifest)) if row.differs),
        tuple(_rows(_results(one.manifest), _results(other.manifest))),
    )


def as_text(found: Difference) -> str:
    """For a terminal, 80 columns."""
    lines = [f"A  {found.names[0]}", f"B  {found.names[1]}"]
    for row in found.equations:
        lines += ["", row.name]
        for sign, text in (("A", row.one), ("B", row.other)) if row.differs else (("=", row.one),):
            lines += wrapped(text, " " * 5, f"  {sign}  ")
    for title, rows in (("recipe", found.recipe), ("environment", found.environment)):
        lines += ["", title]
        for row in rows:
            lines += [*_filled(row.name, "  "), *_filled(row.one, "    A  "), *_filled(row.other, "    B  ")]
        lines += [] if rows else ["  no difference"]
    lines += ["", f"{'results':<34}{'A':>14}{'B':>14}{'B - A':>14}"]
    lines += [f"  {row.name[:32]:<32}{row.one[:13]:>14}{row.other[:13]:>14}{row.change:>14}" for row in found.results]
    lines = [printable(line).rstrip() for line in lines]
    return "\n".join([*lines, *(["", "nothing differs but the time it took"] if found.nothing else [])])


def _filled(text: str, first: str) -> list[str]:
    """A value in full, since what differs may stand at its end."""
    return wrap(printable(text), WIDTH, initial_indent=first, subsequent_indent=" " * len(first)) or [first]


def write_page(one: Path, other: Path, target: Path) -> Difference:
    """Write a page with pictures side by side.

    Raises:
        RunFolderError: one of them is not the folder of a run.
        OutputError: the page cannot be written.
    """
    runs = (read_run(one), read_run(other))
    found = difference(*runs)
    with accounted(*runs):
        pictures = list(_pictures(runs, found.names))
        missing = [
            f"{sign}: {text}" for sign, run in zip("AB", runs, strict=True) for text in dict.fromkeys(run.missing)
        ]
        text = rendered("diff.html", found=found, pictures=pictures, missing=missing)
    write_text(target, text)
    return found


def _pictures(runs: tuple[Run, Run], names: tuple[str, str]) -> Iterator[dict[str, Any]]:
    """The samples of each stage that both have, the student of A against that of B first."""
    stages = [str(about["name"]) for about in runs[0].manifest["stages"]]
    for stage in reversed(stages):
        both = [run.samples(stage) for run in runs]
        rows = [
            {f"{caption}, {'AB'[number]}": uri for number, images in enumerate(pair) for caption, uri in images.items()}
            for pair in zip(*both, strict=False)
        ]
        if rows:
            yield {"stage": stage, "rows": rows, "captions": list(rows[0]), "names": names}


def _rows(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Row]:
    for name in dict.fromkeys((*one, *other)):
        pair = one.get(name), other.get(name)
        shown = [_shown(value) for value in pair]
        if pair[0] != pair[1] and shown[0] == shown[1]:  # they part in later digits
            shown = [repr(value) for value in pair]
        yield Row(name, shown[0], shown[1], _change(*pair))


def _shown(value: Any) -> str:
    if value is None:
        return ABSENT
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _change(one: Any, other: Any) -> str:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return f"{other - one:+.4g}" if numbers and one != other else ""


def _tables(recipe: str) -> dict[str, Any]:
    try:
        return tomllib.loads(recipe)
    except tomllib.TOMLDecodeError:
        return {"recipe": "cannot be read"}


def _leaves(tables: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tables.items():
        path = f"{at}.{key}" if at else str(key)
        if isinstance(value, Mapping):
            yield from _leaves(value, path)
        else:
            yield path, value


def _environment(manifest: dict[str, Any]) -> dict[str, Any]:
    found = {name: manifest.get(name) for name in ("device", "threads", "platform")}
    found |= {f"{name} version": version for name, version in manifest.get("versions", {}).items()}
    found |= {f"plugin {name}": provider for name, provider in manifest.get("plugins", {}).items()}
    data = manifest.get("data", {})
    return found | {"images": data.get("images"), "data sha256": data.get("sha256")}


def _results(manifest: dict[str, Any]) -> dict[str, Any]:
    result = manifest.get("result") or {}
    found = {name: one for name, one in result.get("fidelity", {}).items() if name != "measured_on"}
    found |= {name: told.get("value") for name, told in (result.get("metrics") or {}).items()}
    capacity = result.get("capacity", {})
    found["dead channels"] = capacity.get("channels", {}).get("dead")
    found["idle parameters"] = capacity.get("parameters", {}).get("idle")
    student = result.get("student", {})
    return found | {
        "parameters": student.get("parameters"),
        "skipped steps": result.get("skipped_steps"),
        "seconds": result.get("seconds"),
        "student sha256": str(student.get("sha256", ABSENT))[:12],
    }
