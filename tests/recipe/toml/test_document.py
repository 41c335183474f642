"""Documents: what cannot be read is refused with its place and remedy; what can be has a place for everything."""

import tomllib

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from zerokd.errors import Place, RecipeError
from zerokd.recipe.toml.document import MAX_RECIPE_BYTES, Document, parse_document, read_document
from zerokd.recipe.toml.positions import MAX_NESTING

TEXT = """\
name = "paper"  # é
run = ["pretrain", "distill"]

[terms.task.smooth]
use = "total_variation"
on = { image = "student.curve_map" }
"""


def find_problem(text, file="x.toml"):
    """The one problem of a text or file."""
    with pytest.raises(RecipeError) as caught:
        parse_document(text, file) if isinstance(text, str) else read_document(text)
    (problem,) = caught.value.problems
    return problem


def call(read, *given):
    try:
        return read(*given)
    except RecipeError as error:
        return error


def at(place):
    return place.line, place.column


def test_a_file_is_read_with_its_name_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.toml").write_text(TEXT, encoding="utf-8")
    document = read_document("./x.toml")
    assert document.tables == tomllib.loads(TEXT)
    assert document.sources[0].text == TEXT
    assert document.key_place(("run",)) == Place("./x.toml", 2, 1, 'run = ["pretrain", "distill"]')


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("name",), (1, 1), (1, 8)),
        (("run", 1), (2, 20), (2, 20)),
        (("terms",), (4, 2), (4, 2)),
        (("terms", "task", "smooth"), (4, 13), (4, 13)),
        (("terms", "task", "smooth", "on"), (6, 1), (6, 6)),
        (("terms", "task", "smooth", "on", "image"), (6, 8), (6, 16)),
        # what does not stand there: the nearest that does
        (("run", 7), (2, 1), (2, 7)),
        (("terms", "task", "smooth", "weight"), (4, 13), (4, 13)),
        (("terms", "task", "smooth", "on", "target", 0), (6, 1), (6, 6)),
        (("terms", "distillation", "mse"), (4, 2), (4, 2)),
        (("params", "alpha"), (0, 0), (0, 0)),
        ((), (0, 0), (0, 0)),
    ],
)
def test_places(path, key, value):
    document = parse_document(TEXT, "x.toml")
    assert at(document.key_place(path)) == key
    assert at(document.value_place(path)) == value
    assert str(document.key_place(())) == "x.toml"


def test_a_change_is_named_in_place_of_the_text_that_it_covers():
    first, second, third = Place("--set one"), Place("--set two"), Place("--set three")
    use, on = ("terms", "task", "smooth", "use"), ("terms", "task", "smooth", "on")
    new = ("terms", "task", "sharp", "weight")
    document = parse_document(TEXT, "x.toml")
    document = evolve(
        document, override_places={(*on, "image"): first, on: second, new: third}, implicit_tables=frozenset({new[:-1]})
    )
    assert document.value_place((*on, "image")) == second  # the later change holds the earlier one's value, too
    assert document.key_place(on) == second
    assert document.value_place(new) == third
    assert document.key_place(new[:-1]) == third  # a table that only the change has opened
    assert at(document.key_place(new[:-2])) == (4, 8)
    assert at(document.value_place(use)) == (5, 7)


@pytest.mark.parametrize("text", [TEXT, 'a = """\nx\n"""\nb = 1\n[c]\nd = [\n1,\n# x\n2]'])
def test_line_ends_and_a_byte_order_mark_move_nothing(text, tmp_path):
    plain = parse_document(text, "x.toml")
    (tmp_path / "x.toml").write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())
    document = read_document(tmp_path / "x.toml")
    assert document.tables == plain.tables
    (source,), (expected,) = document.sources, plain.sources
    assert (source.text, source.key_offsets, source.value_offsets) == (
        expected.text,
        expected.key_offsets,
        expected.value_offsets,
    )
    assert parse_document("\ufeff" + text, "x.toml").sources[0].key_offsets == expected.key_offsets


def test_columns_count_characters_and_only_line_feeds_end_a_line():
    document = parse_document('"\u2028é\N{GRINNING FACE}" = 1 # \x85\na = 2', "x.toml")
    assert at(document.value_place(("\u2028é\N{GRINNING FACE}",))) == (1, 9)
    assert at(document.value_place(("a",))) == (2, 5)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("x = 1\ny = mse", (2, 5), "Invalid value"),
        ("x = 1\r\ny = mse\r\n", (2, 5), "Invalid value"),
        ("\ufeffx = mse", (1, 5), "Invalid value"),
        ("x = 1\r", (1, 6), "Expected newline or end of document after a statement"),
        ("x = 1\nx = 2", (2, 6), "Cannot overwrite a value"),
        ("x = [1,\n  2\n\n", (2, 4), "Unclosed array"),
        ('x = """abc', (1, 11), "Unterminated string"),
        ("a\0 = 1", (1, 2), "Expected '=' after a key in a key/value pair"),
        ('x = "a\0"', (1, 7), "Illegal character '\\x00'"),
        ('x = "é\\q"', (1, 9), "Unescaped '\\' in a string"),
    ],
)
def test_what_is_no_toml_is_refused_at_its_place(text, place, message):
    problem = find_problem(text)
    assert problem.message == f"not valid TOML: {message}"
    assert at(problem.place) == place
    assert problem.place.text == text.strip("\ufeff").replace("\r\n", "\n").split("\n")[place[0] - 1]


def test_a_caret_stands_under_the_mistake():
    assert str(find_problem("x = 1\nuse = mse  # no quotes")).splitlines() == [
        "x.toml:2:7: not valid TOML: Invalid value [invalid-toml]",
        "  2 | use = mse  # no quotes",
        "    |       ^",
        '  a value is "text" in quotes, a number, true, false, an [array] or a { table }',
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x = 1\na" + ".a" * 20_000 + " = 1", (2, 2 * (MAX_NESTING + 1))),
        ("[a" + ".a" * 20_000 + "]", (1, 1 + 2 * MAX_NESTING)),
        ("x = " + "[" * 100_000, (1, 5 + MAX_NESTING)),
        ("x = " + "{a=" * 80_000, (1, 5 + 3 * MAX_NESTING)),
    ],
)
def test_deep_nesting_is_refused_before_tomllib_sees_it(text, place, monkeypatch):
    monkeypatch.setattr(tomllib, "loads", lambda text: pytest.fail("tomllib was given it"))
    problem = find_problem(text)
    assert problem.message == f"tables and arrays are nested more than {MAX_NESTING} deep"
    assert at(problem.place) == place
    assert len(str(problem)) < 400


def test_an_integer_that_python_would_not_print_is_refused():
    problem = find_problem("x = 1\ny = " + "1" * 5000)
    assert problem.message == "a key or number has 5000 characters, the limit is 256"
    assert at(problem.place) == (2, 5)


@pytest.mark.parametrize("error", [RecursionError("too deep"), ValueError("some limit")])
def test_whatever_else_tomllib_raises_names_the_file(error, monkeypatch):
    def loads(text):
        raise error

    monkeypatch.setattr(tomllib, "loads", loads)
    problem = find_problem("x = 1")
    assert str(problem) == f"x.toml: not valid TOML: {error} [invalid-toml]"


@pytest.mark.parametrize(
    ("data", "place", "byte"),
    [
        (b"x = 1\ny = '\xc3\xa9\xff'", (2, 7), "0xff"),
        (b"\xef\xbb\xbfx = '\xe9'\r\n", (1, 6), "0xe9"),
        (b"x = '\xe2\x82'", (1, 6), "0xe2"),
        (b"# \xed\xa0\x80", (1, 3), "0xed"),
        ("x = 1".encode("utf-16"), (1, 1), "0xff"),
    ],
)
def test_what_is_not_utf_8_is_refused_at_its_first_bad_byte(data, place, byte, tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(data)
    problem = find_problem(path)
    assert problem.message == f"byte {byte} is not UTF-8"
    assert at(problem.place) == place
    assert problem.place.text[place[1] - 1] == "\N{REPLACEMENT CHARACTER}"
    assert problem.hints == ("save the file as UTF-8",)


def test_a_missing_file_is_told_with_its_neighbours(tmp_path):
    for name in ("paper.toml", "teacher.toml", "papr.txt"):
        (tmp_path / name).touch()
    problem = find_problem(tmp_path / "papr.toml")
    assert (
        str(problem)
        == f"{tmp_path / 'papr.toml'}: there is no such file [unreadable-recipe]\n  did you mean 'paper.toml'?"
    )
    assert find_problem(tmp_path / "x").hints == ("known: paper.toml, teacher.toml",)


def test_a_folder_is_no_recipe(tmp_path):
    (tmp_path / "paper.toml").touch()
    assert (
        str(find_problem(tmp_path))
        == f"{tmp_path}: this is a folder, not a recipe [unreadable-recipe]\n  known: paper.toml"
    )
    problem = find_problem(tmp_path / "no" / "paper.toml")
    assert problem.message == f"there is no folder {str(tmp_path / 'no')!r}"


@pytest.mark.parametrize(
    ("name", "reason"), [("a\0b", "embedded null byte"), ("x" * 5000, "File name too long"), ("loop", "symbolic links")]
)
def test_an_unreadable_file_is_told_with_the_reason(name, reason, tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    problem = find_problem(tmp_path / name)
    assert problem.message.startswith("the file cannot be read: ")
    assert reason in problem.message


def test_a_file_as_large_as_allowed_is_read_and_a_larger_one_is_not(tmp_path):
    term = "[terms.task.t{}]\nuse = 'mse'\non = {{ prediction = 'a', target = [1, 2.5] }}\n"
    path, text = tmp_path / "x.toml", "".join(map(term.format, range(3000)))
    path.write_text(text + "#" * (MAX_RECIPE_BYTES - len(text)))
    document = read_document(path)
    assert len(document.tables["terms"]["task"]) == 3000
    assert at(document.value_place(("terms", "task", "t2999", "on", "target", 1))) == (9000, 39)
    path.write_text(text + "#" * (MAX_RECIPE_BYTES - len(text) + 1))
    problem = find_problem(path)
    assert problem.message == "the file is larger than 256 KiB"
    assert at(problem.place) == (0, 0)


def filled(line):
    """As many lines as a recipe may have."""
    return "".join(line.format(i=number) for number in range(MAX_RECIPE_BYTES // len(line.format(i=99_999))))


SHORT = ".".join("a" * (MAX_NESTING - 1))
EDGES = [
    'x = """' + '\\"""' * 60_000,
    'x = """' + '" ' * 120_000,
    'x = "' + "\\n" * 120_000,
    "x = '''" + "''a" * 80_000,
    "\"'" * 130_000,
    '"' * MAX_RECIPE_BYTES,
    "\\" * MAX_RECIPE_BYTES,
    "\0" * MAX_RECIPE_BYTES,
    "\n" * MAX_RECIPE_BYTES,
    "#\n" * (MAX_RECIPE_BYTES // 2),
    "x = [" + "#\n" * 130_000,
    "x = [" + "[]," * 80_000 + "]",
    "x = 0x" + "f" * 250_000,
    "x = 1" + "_1" * 100_000,
    filled("[[a]]\n"),
    filled('"\\n{i}" = 1\n'),
    filled("x{i}." + SHORT + " = 1\n"),
    filled("x{i} = " + "[" * MAX_NESTING + "]" * MAX_NESTING + "\n"),
]


@pytest.mark.parametrize("text", EDGES, ids=[ascii(text[:16]) for text in EDGES])
def test_no_text_takes_more_than_linear_work(text):
    """Each would keep a pattern that backtracks, or a parser that starts over, busy until the suite's timeout."""
    result = call(parse_document, text, "x.toml")
    if isinstance(result, RecipeError):
        assert len(str(result)) < 400
    else:
        assert result.tables == tomllib.loads(text)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text("ab=.[]{}\"'#\\, \n\r\t\0é1-:", max_size=30), st.text(max_size=30)))
def test_any_text_is_a_document_or_a_recipe_error_with_a_place_inside(text):
    result = call(parse_document, text, "x.toml")
    read = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if isinstance(result, RecipeError):
        place, lines = result.problems[0].place, read.split("\n")
        assert 1 <= place.line <= len(lines)
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1
    else:
        assert result.tables == tomllib.loads(read)
        assert {path[0] for path in result.sources[0].key_offsets} == set(result.tables)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=20))
def test_any_bytes_are_a_document_or_a_recipe_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "bytes.toml"
    path.write_bytes(data)
    result = call(read_document, path)
    assert isinstance(result, Document) or str(result).startswith(f"{path}:")
