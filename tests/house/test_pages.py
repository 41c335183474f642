"""Runs every code block on a page; a comment above a block may exempt it, and then its commands are only parsed.

Each page runs in its own folder with six photos and shortened copies of the bundled recipes. The output shown on the
page must appear in the real output.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import click
import numpy as np
import pytest
from PIL import Image
from sybil import Sybil
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

import zerokd
from tests import command as in_a_fork
from tests.conftest import RECIPES, ROOT
from tools.site.markdown import GENERATED_MARK
from zerokd.cli import COMMANDS
from zerokd.cli import zerokd as zerokd_command
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.resolver import resolve_recipe
from zerokd.recipe.schema.recipe import validate_recipe
from zerokd.recipe.toml.extends import read_recipe_document

FENCE = re.compile(r'(?P<language>\w*)(?: title="(?P<title>[\w./]+)")? *$\n', re.MULTILINE)
NOT_RUN = re.compile(r"<!-- not run: .+ -->\n\Z")
SMALL = {r"^size( *)= \d+": r"size\1= 32", r"^count( *)= \d+": r"count\1= 6", r"^epochs( *)= \d+": r"epochs\1= 2"}
SMALL |= {r'^weights( *)= "imagenet"': r'weights\1= "random"', r"^run( *)=": r"threads = 1\nrun\1="}
HAND_WRITTEN = [
    path for path in sorted((ROOT / "docs").rglob("*.md")) if GENERATED_MARK not in path.read_text(encoding="utf-8")
]
MEASURED = ROOT / "docs/results"  # their commands need data that the project does not include
FOLLOWED = [ROOT / "README.md", *(path for path in HAND_WRITTEN if MEASURED not in path.parents)]
READ = [ROOT / "CONTRIBUTING.md", *MEASURED.glob("*.md"), *ROOT.glob("plugins/*/README.md")]


class Page:
    """The state that the blocks of a page share: a folder, and the names that its Python code defines."""

    def __init__(self, folder, runs):
        self.folder, self.runs, self.count = folder, runs, 0
        self.names = {"image": np.full((8, 8, 3), 20, np.uint8), "zerokd": zerokd}

    def evaluate(self, example):
        """Evaluate a block by its language."""
        block = example.region.lexemes
        self.count += 1
        run = self.runs and not NOT_RUN.search(example.document.text[: example.region.start])
        getattr(self, f"_{block['language'] or 'text'}")(block["source"], block["title"], run)

    def _text(self, text, title, run):
        assert title is None

    def _console(self, text, title, run):
        output = ""
        for line in text.replace("\\\n", " ").splitlines():
            if not line.startswith("$ "):
                assert not run or " ".join(line.split()) in " ".join(output.split()), (line, output)
                continue
            for command in re.split(r" && | \| ", re.sub(r" {2,}# .*| > \S+$", "", line.removeprefix("$ "))):
                parse_command(command)
            output = execute(line.removeprefix("$ "), self.folder) if run else ""

    def _toml(self, text, title, run):
        tables = tomllib.loads(text)
        path = self.folder / (title or "fragment.toml")
        whole = {"extends", "run"} & set(tables)
        path.write_text(text if whole else f'extends = "recipes/paper.toml"\n{text}')
        if "project" not in tables and run:
            document = read_recipe_document(path)
            plugins = [path for path in self.folder.glob("*.py") if f'"{path.stem}"' in text]
            resolve_recipe(validate_recipe(document), document, discover_plugins(plugins))

    def _python(self, text, title, run):
        program = compile(text, title or "page.py", "exec")
        if title:
            (self.folder / title).write_text(text)
        elif run:
            exec(program, self.names)

    def _file(self, text, title, run):
        assert title, "a file needs a name"
        (self.folder / title).write_text(text)

    _c = _bash = _file


def parse_command(command):
    """Parse a command without running it: its options must exist."""
    words = shlex.split(command)
    if words[0] == "zerokd" and words[1] in COMMANDS:
        command_object = zerokd_command.get_command(click.Context(zerokd_command), words[1])
        command_object.make_parser(click.Context(command_object)).parse_args(words[2:])
    elif words[0] == "zerokd":
        assert words[1].startswith("-"), command
    elif words[0] == "python" and words[1].endswith(".py") and "/" in words[1]:
        assert (ROOT / words[1]).exists(), command
    elif words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M), command


def execute(line, folder):
    """The output of a command; it must exit with the code in the comment behind it, by default 0."""
    command, _, comment = re.match(r"(.*?)( {2,}# (.*))?$", line).groups(default="")
    words = shlex.split(command)
    programs = folder / "bin"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    env["PATH"] = os.pathsep.join([str(programs), env["PATH"]])
    process = subprocess.run(command, shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=240)
    exit_code = int(comment.removeprefix("exit code ")) if comment.startswith("exit code ") else 0
    assert process.returncode == exit_code, (words, process.stdout, process.stderr)
    return process.stdout + process.stderr


def furnish(folder):
    """Create what the reader of a page has: the recipes, photos, and the commands of this environment."""
    shutil.copytree(RECIPES, folder / "recipes")
    for path in (folder / "recipes").glob("*.toml"):
        text = path.read_text()
        for pattern, small in SMALL.items():
            text = re.sub(pattern, small, text, flags=re.M)
        path.write_text(text)
        (folder / path.stem).write_text(text)  # a file wins over the name of a shipped recipe, which takes minutes
    (folder / "photos").mkdir()
    for number in range(6):
        levels = np.random.default_rng(number).integers(0, 60, (40, 48, 3)).astype(np.uint8)
        Image.fromarray(levels).save(folder / f"photos/{number}.png")
    (folder / "bin").mkdir()
    client = f'"{sys.executable}" -S "{in_a_fork.__file__}" "{in_a_fork.server()}"'
    for name, start in {"zerokd": client, "python": f'"{sys.executable}"'}.items():
        (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {start} "$@"\n')
        (folder / "bin" / name).chmod(0o755)


def follow(path, folder, runs):
    page = Page(folder, runs)
    lexer = RawFencedCodeBlockLexer(FENCE)

    def regions(document):
        for region in lexer(document):
            region.parsed, region.evaluator = region.lexemes["source"], page.evaluate
            yield region

    document = Sybil(parsers=[regions], path=str(path.parent), pattern=path.name).parse(path)
    for example in document.examples():
        example.evaluate()
    assert 2 * page.count == len(re.findall(r"^```", path.read_text(encoding="utf-8"), re.M))


@pytest.mark.parametrize("path", FOLLOWED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_can_be_followed(path, tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path_factory.getbasetemp() / "cache-of-pages"))  # a program each, once
    monkeypatch.chdir(tmp_path)
    furnish(tmp_path)
    follow(path, tmp_path, runs=True)


@pytest.mark.parametrize("path", READ, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_that_needs_more_than_the_project_names_what_there_is(path, tmp_path):
    furnish(tmp_path)
    follow(path, tmp_path, runs=False)


@pytest.mark.parametrize("path", [*FOLLOWED, *READ], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_needs_public_names_alone(path):
    for module in re.findall(r"^\s*(?:from|import) (zerokd(?:\.\w+)*)", path.read_text(encoding="utf-8"), re.M):
        assert module in ("zerokd", "zerokd.testing")
    for name in re.findall(r"\bzerokd\.(?!testing|pages)([A-Za-z]\w*)\(", path.read_text(encoding="utf-8")):
        assert name in zerokd.__all__


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(path):
    """The build of the site checks links inside docs/."""
    for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
        assert "://" in target or (path.parent / target).exists(), target


@pytest.mark.parametrize("room", [path.parent.name for path in sorted((ROOT / "zerokd").glob("*/__init__.py"))])
def test_contributing_shows_every_room(room):
    assert re.search(rf"\b{room}/", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
