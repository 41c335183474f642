"""The whole zoo in one folder: what can be used is used as it is, the rest is named, nothing is made up."""

import subprocess
import sys

import numpy as np
import pytest

from tests.data.zoo import BAD, GOOD, build
from zerokd.data.folder import Folder
from zerokd.errors import DataError


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo")
    more = build(folder)
    return folder, Folder(path=str(folder), size=32), more


def test_it_has_all_kinds():
    assert len(GOOD) + len(BAD) >= 40


def test_every_good_one_is_there_and_no_other(zoo):
    data = zoo[1]
    assert {data.name(index) for index in range(len(data))} == set(GOOD)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_one_shows_its_colour(zoo, name):
    data = zoo[1]
    index = next(index for index in range(len(data)) if data.name(index) == name)
    colour = GOOD[name][1]
    if colour:
        found = data[index].numpy().reshape(3, -1).mean(1)
        assert np.abs(found - colour).max() <= (4 if name.endswith((".jpg", ".JPG", ".jpeg")) else 1)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one_is_named_with_its_reason(zoo, name):
    reasons = dict(zoo[1].rejected)
    assert BAD[name][1] in reasons[name]
    assert reasons[name]


def test_what_is_no_plain_file_is_named_too_and_nothing_else_is(zoo):
    _, data, more = zoo
    reasons = dict(data.rejected)
    assert all(told in reasons[name] for name, told in more.items())
    assert set(reasons) == set(BAD) | set(more)


def test_no_photo_is_black_but_the_clear_one(zoo):
    data = zoo[1]
    black = [data.name(index) for index in range(len(data)) if data[index].max() == 0]
    assert black == ["clear.png"]


def test_strict_refuses_the_folder_by_name(zoo):
    with pytest.raises(DataError) as caught:
        Folder(path=str(zoo[0]), size=32, strict=True)
    assert caught.value.exit_code == 3
    assert f"{len(zoo[1].rejected)} files in training folder" in str(caught.value)
    assert "strict = false" in str(caught.value)


def test_no_bomb_is_unpacked(zoo):
    """Peak memory of the process that reads the zoo, in MiB, beyond what it needs without it."""
    code = (
        "import resource, sys; from zerokd.data.folder import Folder\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "before = peak(); Folder(path=sys.argv[1], size=32); print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(zoo[0])], capture_output=True, text=True, timeout=120)
    assert float(done.stdout) < 150, done.stderr
