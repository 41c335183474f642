"""The words of the house: no name and no phrase that an engineer of the field would have to guess.

``python -m tests.house.test_words`` prints all that is left, one line each.
"""

import ast
import re

from tests.conftest import ROOT

SOURCES = [
    path
    for pattern in ("zerokd/**/*.py", "tools/**/*.py", "plugins/*/zerokd_*/**/*.py", "benchmarks/*.py")
    for path in sorted(ROOT.glob(pattern))
]
TEXTS = [
    *SOURCES,
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "Makefile", "mkdocs.yml")),
    *(
        path
        for pattern in (
            "docs/**/*.md",
            "recipes/*.toml",
            "recipes/published/*.toml",
            "plugins/*/*.md",
            "plugins/*/recipes/*.toml",
        )
        for path in sorted(ROOT.glob(pattern))
    ),
    *(path for pattern in ("zerokd/**/*.html", "zerokd/**/*.txt") for path in sorted(ROOT.glob(pattern))),
]

# Participles, prepositions and pronouns name nothing: the name says what the value is.
VAGUE = set(
    re.findall(
        r"\w+",
        """
    told told_by said made made_by kept kept_in found given asked asked_for wanted laid weighed joined tried seen taken
    reached gone of by within one two it its each thing things here there whoever
    """,
    )
)
# What was called otherwise before the field's word was chosen.
RETIRED = set(
    re.findall(
        r"\w+",
        """
    apart at_once as_it_is set_apart standstill elsewhere go_on goes_on at_work sure called settle worth blame aside
    room_for value_and_slope with_other_parameters film films picture pictures fault faults sees_batch mistakes
    Phase Ahead Training Stepper Replayed Keeper Targets Keeping Share Kept OnDisk InMemory Trial Gauge Measure Reading
    RoomError Wish Room Left Asked
    """,
    )
)
BANNED_PHRASES = re.compile(
    r"""\b(?:
        (?:is|are|was|were|be|been|being|gets?)\s+(?:told|said|asked\s+for|mended)
      | told\s+(?:of|at|apart|as|to|by|what)
      | said\s+(?:aloud|so|of|once)
      | (?:make|makes|made)\s+of\s+(?:it|them|that|what|the|a|an|its|this)
      | whom\s+one | whoever | one\s+has\s+to
      | (?:go|goes|going|went|gone)\s+on
      | (?:films?|(?<!page\s)faults?|mend|mends|mended|mending)
      | what\s+(?:comes|came)\s+of | says?\s+so
      | at\s+work | as\s+it\s+stands | stands?\s+(?:above|below|beside|between|in)
      | machine\s+code | in\s+place\s+of\s+what
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)


def _definitions(tree):
    """(line, name) of every class, function, argument, attribute and class-level name."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Attribute(value=ast.Name(id="self" | "cls"), ctx=ast.Store()):
                yield node.lineno, node.attr
        if isinstance(node, ast.ClassDef):
            for statement in node.body:
                targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
                yield from ((statement.lineno, target.id) for target in targets if isinstance(target, ast.Name))


def _variables(tree):
    """(line, name) of every variable that is assigned, bound by a loop, ``with``, ``except`` or a pattern."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield node.lineno, name


def _json_keys(tree):
    """The lines of TypedDict classes: their fields are keys of files that others read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any("TypedDict" in ast.unparse(base) for base in node.bases):
            yield from range(node.lineno + 1, node.end_lineno + 1)


def bad_names():
    """``file:line: name`` of every banned name in code."""
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        place = path.relative_to(ROOT)
        if path.stem in VAGUE | RETIRED:
            yield f"{place}:1: module {path.stem}"
        names = {(line, name) for line, name in _definitions(tree) if name.lstrip("_") in VAGUE | RETIRED}
        names |= {(line, name) for line, name in _variables(tree) if name.lstrip("_") in VAGUE}
        keys = set(_json_keys(tree))
        yield from (f"{place}:{line}: {name}" for line, name in sorted(names) if line not in keys)


def bad_phrases():
    """``file:line: phrase`` of every banned phrase in messages, docstrings, comments and pages."""
    for path in TEXTS:
        text = path.read_text(encoding="utf-8")
        for match in BANNED_PHRASES.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if match.group() == "fault" and re.search(r"""["']fault["']|^\s+fault: """, text.splitlines()[line - 1]):
                continue  # a key of files that others read
            yield f"{path.relative_to(ROOT)}:{line}: {' '.join(match.group().split())}"


def classes_defined_twice():
    """``name: file, file`` of every public class of zerokd that two modules define."""
    places = {}
    for path in sorted((ROOT / "zerokd").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    return [f"{name}: {', '.join(paths)}" for name, paths in places.items() if len(paths) > 1]


def test_every_name_says_what_it_is():
    assert list(bad_names()) == []


def test_texts_are_active_and_technical():
    assert list(bad_phrases()) == []


def test_a_public_class_is_defined_once():
    assert classes_defined_twice() == []


if __name__ == "__main__":
    print("\n".join([*bad_names(), *bad_phrases(), *classes_defined_twice()]))
