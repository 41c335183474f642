"""Input that nobody would write: accepted or refused at a place, never a traceback, never a hang."""

import os
import random

import pytest

from tests.conftest import RECIPES, TINY
from zerokd.errors import ZerokdError
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document

pytestmark = pytest.mark.timeout(20)

FUZZ = int(os.environ.get("ZEROKD_FUZZ", "1000"))
_, START, REST = (RECIPES / "paper.toml").read_text().partition("\nname = ")  # the comments before it quote the rest
PAPER = (START + REST).lstrip().replace('"imagenet"', '"random"')
EQUATION = "alpha*distillation + beta*feature_matching + (1 - alpha - beta)*task + contrastive"
CYRILLIC = "'\u0430' is CYRILLIC SMALL LETTER A (U+0430)"


@pytest.fixture(scope="module")
def catalogue():
    return discover_plugins()


@pytest.fixture
def find_errors(tmp_path, catalogue):
    """The errors of a recipe, in text or bytes; empty if it is valid. Every problem has a place."""

    def find_errors(text, settings=()):
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "x.toml").write_bytes(data)
        rejection = None
        try:
            check_recipe(apply_settings(read_recipe_document(tmp_path / "x.toml"), (*TINY, *settings)), catalogue)
        except ZerokdError as error:
            rejection = error
        if rejection is None:
            return ""
        assert all(problem.place is not None for problem in rejection.problems)
        return str(rejection).replace(str(tmp_path) + os.sep, "")

    return find_errors


def replace(old, new):
    assert PAPER.count(old) >= 1
    return PAPER.replace(old, new, 1)


def test_the_recipe_itself_is_accepted(find_errors):
    assert find_errors(PAPER) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PAPER + "#" * 10_000_000, "x.toml: the file is larger than 256 KiB"),
        (PAPER + "\nx = " + "[" * 5000 + "]" * 5000, "tables and arrays are nested more than 32 deep"),
        (
            PAPER + "\nx = " + "{a = " * 5000 + "1" + "}" * 5000,
            "tables and arrays are nested more than 32 deep",
        ),
        ("a." * 20_000 + "b = 1\n" + PAPER, "x.toml:1:66: tables and arrays are nested more than 32 deep"),
        ("[" + "a." * 20_000 + "b]\n" + PAPER, "tables and arrays are nested more than 32 deep"),
        (f"seed = {'9' * 5000}\n" + PAPER, "x.toml:1:8: a key or number has 5000 characters"),
        (f"seed = 0x{'f' * 200}\n" + PAPER, "x.toml:1:8: seed: input should be"),
        (replace("weight = 7.0", "weight = nan"), "weight: input should be a finite number, got nan"),
        (replace("weight = 7.0", "weight = -inf"), "weight: input should be"),
        (replace("alpha = 0.35", "alpha = 1e400"), "params.alpha: input should be a finite number, got inf"),
        (replace("[0.5, 1.5]", "[0.5, nan]"), "range.1: input should be a finite number, got nan"),
        (PAPER.replace("name = ", "name = \0", 1), "x.toml:1:8: not valid TOML"),
        (PAPER.encode() + b"\xff", "byte 0xff is not UTF-8"),
        (PAPER.encode("utf-16"), "is not UTF-8"),
        (b"", "the recipe lacks the key 'name'"),
        (PAPER + "\r", "not valid TOML"),
        (f"{'x' * 300} = 1\n" + PAPER, "x.toml:1:1: a key or number has 300 characters"),
        (f'"{"x" * 3000}" = 1\n' + PAPER, "x.toml:1:1: unknown key 'xxx"),
        ('"" = 1\n' + PAPER, "x.toml:1:1: unknown key ''"),
        ("name = 1979-05-27\n" + PAPER.split("\n", 1)[1], "x.toml:1:8: name: input should be a valid string"),
    ],
    ids=range(20),
)
def test_it_is_refused_at_its_place(find_errors, text, message):
    assert message in find_errors(text)


@pytest.mark.parametrize(
    "text",
    [
        PAPER.replace("\n", "\r\n"),
        "\ufeff" + PAPER,
        "\ufeff" + PAPER.replace("\n", "\r\n"),
        replace(EQUATION, EQUATION + " + 0*task" * 1500),
        replace(EQUATION, "(" * 60 + EQUATION + ")" * 60),
        PAPER + "# " + "é" * 100_000,
    ],
    ids=["CRLF", "BOM", "BOM and CRLF", "long equation", "parentheses", "long comment"],
)
def test_it_is_accepted(find_errors, text):
    assert find_errors(text) == ""


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        (EQUATION + " + 0.5*task" * 5000, "characters, the limit is 20000"),
        ("+".join(["task"] * 5000), "characters, the limit is 20000"),
        ("*".join(["alpha"] * 500) + "*task", "a product has more than 100 factors"),
        ("(" * 1000 + "task" + ")" * 1000, "parentheses nest deeper than 64"),
        ("min(" * 1000 + "1" + ")" * 1000 + "*task", "parentheses nest deeper than 64"),
        ("-" * 15_000 + "q", "unknown name 'q'"),
        ("9" * 5000 + "*task", "is not a finite number"),
        ("task**2", "expected a number, a param, a group or '('"),
        ("__import__('os')", "unknown name '__import__'"),
    ],
    ids=range(9),
)
def test_an_equation_is_refused(find_errors, equation, message):
    errors = find_errors(replace(EQUATION, equation))
    assert "objective of distill" in errors
    assert message in errors
    assert max(map(len, errors.splitlines())) < 1000


def test_an_equation_of_five_thousand_terms_is_read(find_errors):
    short = PAPER.replace("pretraining", "p")
    assert find_errors(short.replace('objective = "p"', f'objective = "{"+".join(["p"] * 5000)}"')) == ""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\nalpha =", '\n"\u0430lpha" =', "params.\u0430lpha: string should match pattern"),
        ("\nalpha =", "\n\u0430lpha =", "x.toml:5:1: not valid TOML"),
        ("count = 48", '"\u0441ount" = 48', "unknown key 'data.\u0441ount'"),
        ("[params]", '["p\u0430rams"]', "unknown key 'p\u0430rams'"),
        ("terms.task.color]", 'terms."t\u0430sk".color]', "terms.t\u0430sk: string should match pattern"),
        ("alpha*distillation", "\u0430lpha*distillation", "unknown name '\u0430lpha'"),
        ('"saturation"', '"s\u0430turation"', "unknown loss 's\u0430turation'"),
        ('"match_iterations"', '"m\u0430tch_iterations"', "unknown adapter 'm\u0430tch_iterations'"),
        ('"teacher.enhanced" }', '"te\u0430cher.enhanced" }', "no model 'te\u0430cher'"),
        ('"pretrain", ', '"pretr\u0430in", ', "unknown stage 'pretr\u0430in'"),
    ],
)
def test_a_letter_that_only_looks_right_is_named(find_errors, old, new, message):
    errors = find_errors(replace(old, new))
    assert message in errors
    assert (CYRILLIC if "\u0430" in new else "'\u0441' is CYRILLIC SMALL LETTER ES (U+0441)") in errors


@pytest.mark.parametrize(
    "setting",
    [
        ".".join(["a"] * 20_000) + "=1",
        "params.alpha=" + "[" * 5000,
        "params.alpha=" + "9" * 5000,
        "params.alpha=nan",
        "seed=0x" + "f" * 5000,
        "a\0b=1",
        "name=\ud800",
        "stages.distill.objective=" + "(" * 5000,
        "terms.task.color.weight=" + "{a=" * 500,
        "models.student.weights=\0",
    ],
    ids=range(10),
)
def test_a_setting_is_refused(find_errors, setting):
    errors = find_errors(PAPER, [setting])
    assert any(line.startswith("--set ") for line in errors.splitlines())
    assert max(map(len, errors.splitlines())) < 50_000


WORDS = [
    "true",
    "nan",
    "-1",
    "0",
    "1e999",
    '"x"',
    "[]",
    "{}",
    "[[1]]",
    "''",
    "1979-05-27",
    '"student.enhanced"',
    "9" * 30,
]


def mutate(rng):
    """The recipe with a few lines dropped, doubled, swapped, cut, or with another value, key or character."""
    lines = PAPER.split("\n")
    for _ in range(rng.randint(1, 4)):
        index, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        line = lines[index]
        match rng.randrange(7):
            case 0:
                lines[index] = ""
            case 1:
                lines[index] = lines[other]
            case 2:
                lines[index], lines[other] = lines[other], line
            case 3:
                key, equals, _ = line.partition("=")
                lines[index] = f"{key}{equals}{rng.choice(WORDS)}" if equals else line[: len(line) // 2]
            case 4:
                lines[index] = line.replace(rng.choice('aeiost=.["'), rng.choice(["", "x", "é", "]", ".", "0"]), 1)
            case 5:
                position = rng.randrange(len(line) + 1)
                lines[index] = (
                    line[:position] + chr(rng.choice([0, 9, 13, 34, 39, 46, 91, 123, 0x430, 0x1F600])) + line[position:]
                )
            case _:
                name = rng.choice(["data", "models.student", "terms", "terms.task", "stages.distill", "params", "run"])
                lines[index:index] = [
                    f"[{name}]",
                    f"{rng.choice(['use', 'on', 'adapt', 'weight'])} = {rng.choice(WORDS)}",
                ]
    return "\n".join(lines)


@pytest.mark.timeout(max(20, FUZZ))
def test_no_mutation_of_a_recipe_ends_in_anything_but_an_answer(find_errors):
    accepted = 0
    for seed in range(FUZZ):
        text = mutate(random.Random(seed))
        try:
            accepted += not find_errors(text)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {text}") from error
    assert accepted < FUZZ  # most have a mistake


def damage(rng):
    """The recipe's bytes with a few flipped, cut out, doubled or put in, or cut off."""
    data = bytearray(PAPER.encode())
    for _ in range(rng.randint(1, 6)):
        index = rng.randrange(len(data))
        match rng.randrange(5):
            case 0:
                data[index] ^= 1 << rng.randrange(8)
            case 1:
                del data[index : index + rng.randint(1, 40)]
            case 2:
                data[index:index] = data[index : index + rng.randint(1, 200)]
            case 3:
                data[index:index] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 8)))
            case _:
                del data[max(1, len(data) - rng.randint(1, 300)) :]
    return bytes(data)


@pytest.mark.timeout(max(20, FUZZ))
def test_no_damage_to_its_bytes_does_either(find_errors):
    rejected = 0
    for seed in range(FUZZ // 4):
        data = damage(random.Random(seed))
        try:
            rejected += bool(find_errors(data))
        except Exception as error:
            raise AssertionError(f"seed {seed}: {data!r}") from error
    assert rejected
