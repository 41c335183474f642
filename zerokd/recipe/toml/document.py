"""A recipe's text: what tomllib reads from it, and the file, line and column of every key and value."""

from __future__ import annotations

import codecs
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from zerokd.errors import KeyPath, Place, Problem, RecipeError, describe_non_ascii, did_you_mean
from zerokd.recipe.toml.positions import find_limit_violation, locate_keys_and_values

MAX_RECIPE_BYTES = 256 * 1024  # bytes
BOM = "\ufeff"  # some editors start a file with it; it is no character of the recipe
TOML_ERROR_POSITION = re.compile(
    r" \(at (?:line (\d+), column (\d+)|end of document)\)$"
)  # how every tomllib ends its messages
TOML_ERROR_HINTS = {
    "Invalid value": 'a value is "text" in quotes, a number, true, false, an [array] or a { table }',
    "Cannot overwrite a value": "a key or table may be written once",
    "Expected '=' after a key": "write key = value; a key with spaces needs quotes",
}


@frozen(eq=False)
class SourceText:
    """A file's text, without BOM and CR LF, and the offsets in it of the keys and values that it gives a document."""

    file: str
    text: str
    key_offsets: Mapping[KeyPath, int]
    value_offsets: Mapping[KeyPath, int]

    def exclude(self, paths: Set[KeyPath]) -> SourceText:
        """The same text, but nothing at or below any of these paths is taken from it."""

        def kept(offsets: Mapping[KeyPath, int]) -> dict[KeyPath, int]:
            return {path: offset for path, offset in offsets.items() if paths.isdisjoint(_path_prefixes(path))}

        return evolve(self, key_offsets=kept(self.key_offsets), value_offsets=kept(self.value_offsets))


@frozen(eq=False)
class Document:
    """TOML tables with places. ``sources`` are the texts they come from: the recipe's own file, then what it extends.

    What the command line changed in ``tables`` stands in no text: ``places`` says where each such value comes from, and
    ``opened`` lists the tables that exist only because a value was put inside them.
    """

    tables: dict[str, Any]
    sources: tuple[SourceText, ...]
    override_places: dict[KeyPath, Place] = field(factory=dict)
    implicit_tables: frozenset[KeyPath] = frozenset()

    @property
    def file(self) -> str:
        """The name of the recipe's own file."""
        return self.sources[0].file

    def key_place(self, path: KeyPath) -> Place:
        """Where a key stands; if it does not, then the nearest table around it that does, and at last the file."""
        return self._nearest_place(path, lambda source: (source.key_offsets,))

    def value_place(self, path: KeyPath) -> Place:
        """Where a value starts; that of a table under a header is its key. Otherwise like :meth:`key_place`."""
        return self._nearest_place(path, lambda source: (source.value_offsets, source.key_offsets))

    def _nearest_place(
        self, path: KeyPath, get_offset_maps: Callable[[SourceText], Iterable[Mapping[KeyPath, int]]]
    ) -> Place:
        for at, place in reversed(
            self.override_places.items()
        ):  # a later change covers an earlier one, and all of the text
            if path[: len(at)] == at or (path in self.implicit_tables and at[: len(path)] == path):
                return place
        for length in range(len(path), 0, -1):
            for source in self.sources:  # a table that several files write stands in the first of them
                for known in get_offset_maps(source):
                    if path[:length] in known:
                        return _place_at_offset(source.text, source.file, known[path[:length]])
        return Place(self.file)


def read_document(path: Path | str) -> Document:
    """The document in a file.

    Raises:
        RecipeError: it cannot be read, is no UTF-8, or no TOML.
    """
    file = str(path)
    try:
        with open(path, "rb") as stream:
            data = stream.read(MAX_RECIPE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise RecipeError(_unreadable_recipe_problem(Path(path), file, error)) from None
    if len(data) > MAX_RECIPE_BYTES:
        hint = "is it the right file? A recipe has a few hundred lines"
        raise RecipeError(
            Problem(
                f"the file is larger than {MAX_RECIPE_BYTES // 1024} KiB",
                Place(file),
                (hint,),
                code="unreadable-recipe",
            )
        )
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        place = _place_at_offset(data.decode(errors="replace"), file, len(data[: error.start].decode()))
        problem = Problem(
            f"byte 0x{data[error.start]:02x} is not UTF-8", place, ("save the file as UTF-8",), code="unreadable-recipe"
        )
        raise RecipeError(problem) from None
    return parse_document(text, file)


def parse_document(text: str, file: str) -> Document:
    """The document in a text; ``file`` is its name in messages.

    Raises:
        RecipeError: the text is no TOML, or nothing that a person would write.
    """
    text = text.removeprefix(BOM).replace("\r\n", "\n")
    refused = find_limit_violation(text)
    if refused:
        message, offset = refused
        raise RecipeError(Problem(message, _place_at_offset(text, file, offset), code="invalid-toml"))
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(_invalid_toml_problem(text, file, str(error))) from None
    return Document(tables, (SourceText(file, text, *locate_keys_and_values(text)),))


def _path_prefixes(path: KeyPath) -> Iterator[KeyPath]:
    """The path of every table or array around a path, from the outermost in, and the path itself."""
    return (path[:length] for length in range(1, len(path) + 1))


def _place_at_offset(text: str, file: str, offset: int) -> Place:
    start, end = text.rfind("\n", 0, offset) + 1, text.find("\n", offset)
    line = text[start : end if end >= 0 else None]
    return Place(file, text.count("\n", 0, offset) + 1, offset - start + 1, line)


def _invalid_toml_problem(text: str, file: str, toml_message: str) -> Problem:
    """What tomllib told, and where: at the end of the text, that is its last character and not the empty line."""
    found = TOML_ERROR_POSITION.search(toml_message)
    message = toml_message[: found.start()] if found else toml_message
    place = Place(file)
    if found and found[1]:
        line, column = int(found[1]), int(found[2])
        place = Place(file, line, column, text.split("\n")[line - 1])
    elif found:
        place = _place_at_offset(text, file, len(text.rstrip()))
    hints = tuple(remedy for start, remedy in TOML_ERROR_HINTS.items() if message.startswith(start))
    if place.line:
        hints += describe_non_ascii(place.text[place.column - 1 : place.column])
    return Problem(f"not valid TOML: {message}", place, hints, code="invalid-toml")


def _unreadable_recipe_problem(path: Path, file: str, error: Exception) -> Problem:
    """Why a file cannot be read, and which recipes there are where it was looked for."""
    is_folder = os.path.isdir(path)
    folder = path if is_folder else path.parent
    if not os.path.isdir(folder):
        return Problem(f"there is no folder {str(folder)!r}", Place(file), code="unreadable-recipe")
    if not is_folder and not isinstance(error, FileNotFoundError):
        return Problem(
            f"the file cannot be read: {getattr(error, 'strerror', None) or error}",
            Place(file),
            code="unreadable-recipe",
        )
    message = "this is a folder, not a recipe" if is_folder else "there is no such file"
    recipes = [one.name for one in folder.glob("*.toml")]
    return Problem(
        message, Place(file), did_you_mean("" if is_folder else path.name, recipes), code="unreadable-recipe"
    )
