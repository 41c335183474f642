"""``zerokd plugins``, with good and malicious packages installed beside each other."""

import json
import os
import subprocess
import sys

import pytest

from tests import command
from tests.plugin.installed import HOOK, install

BROKEN = {  # name of the package: its code, and its error
    "missing": ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
    "syntax": ("def (", "SyntaxError"),
    "leaves": ("import sys; sys.exit(7)", "SystemExit: 7"),
    "odd": ("class Odd(BaseException): pass\nraise Odd('boom')", "Odd: boom"),
    "wrong-record": (
        "from zerokd import *\n@hookimpl\ndef zerokd_losses(): return [3]",
        "returned int, expected LossSpec",
    ),
    "none": ("from zerokd import *\n@hookimpl\ndef zerokd_losses(): return None", "returned NoneType, expected a list"),
    "text": ("from zerokd import *\n@hookimpl\ndef zerokd_losses(): return 'mse'", "returned str, expected a list"),
    "wrong-kind": (
        "from zerokd import *\n@hookimpl\ndef zerokd_losses(): return [ModelSpec('m', target='a:B', summary='x')]",
        "returned ModelSpec, expected LossSpec",
    ),
    "half-way": (
        "from zerokd import *\n@hookimpl\ndef zerokd_losses():\n"
        "    yield LossSpec('h', target='a:B', summary='x')\n    1 / 0",
        "zerokd_losses: ZeroDivisionError",
    ),
    "twice": (
        "from zerokd import *\n@hookimpl\ndef zerokd_losses(): return 2 * [LossSpec('two', target='a:B', summary='x')]",
        "registers loss 'two' twice",
    ),
    "misspelt": ("from zerokd import *\n@hookimpl\ndef zerokd_loses(): return []", "did you mean 'zerokd_losses'?"),
    "unmarked": ("from zerokd import LossSpec\ndef zerokd_losses(): return []", "write @zerokd.hookimpl above it"),
    "argument": ("from zerokd import *\n@hookimpl\ndef zerokd_losses(wrong): return []", "wrong"),
    "raises": (
        "from zerokd import *\n@hookimpl\ndef zerokd_losses(): raise ValueError('boom')",
        "zerokd_losses: ValueError: boom",
    ),
    "endless": (
        "from zerokd import *\n@hookimpl\ndef zerokd_losses():\n"
        "    while True: yield LossSpec('h', target='a:B', summary='x')",
        "returned more than 1000 records",
    ),
    "asks": ("input('who are you?')", "EOFError"),
    "mute": ("class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute", "Mute: its message fails"),
    "generator-exit": ("raise GeneratorExit", "GeneratorExit"),
    "true-api": ("ZEROKD_API = True", "ZEROKD_API is True, not a number"),
    "newer-api": ("ZEROKD_API = 99", "written for plugin API 99; zerokd 0.1.0 has 1: upgrade zerokd"),
    "odd-api": ("ZEROKD_API = 'new'", "ZEROKD_API is 'new', not a number"),
}
NOTED = {
    "talks": ("print('HELLO')\n" + HOOK.format(name="talks", module="talks"), "note: printed: HELLO"),
    "shouts": (
        "import os; os.system('echo CHILD; echo CHILD >&2')\n" + HOOK.format(name="shouts", module="shouts"),
        "CHILD",
    ),
    "wanders": (
        "import os; os.chdir('/')\n" + HOOK.format(name="wanders", module="wanders"),
        "changed the working directory",
    ),
    "idle": ("", "registers nothing"),
    "whispers": (
        "import sys; sys.__stdout__.write('PSST')\n" + HOOK.format(name="whispers", module="whispers"),
        "PSST",
    ),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    install(folder, "good-one")
    install(folder, "Good_Two", version="2.1")
    for name, (code, _) in {**BROKEN, **NOTED}.items():
        install(folder, name, code=code)
    later = (
        HOOK.format(name="later", module="later") + "\n@hookimpl(optionalhook=True)\ndef zerokd_gadgets(): return []\n"
    )
    install(folder, "later", code=later)
    other = HOOK.format(name="other", module="other").replace("@hookimpl", '@hookimpl(specname="zerokd_losses")')
    install(folder, "other", code=other.replace("def zerokd_losses", "def my_losses"))
    install(folder, "too-new", requires=["zerokd>=99", "torch"])
    install(folder, "fits", requires=["zerokd>=0.1", "zerokd>=99; extra == 'next'"])
    install(folder, "no-such-attribute", entry="no_such_attribute:nothing")
    install(folder, "shadow", component="mse")
    install(folder, "twin-a", component="twin")
    install(folder, "twin-b", component="twin")
    damaged = install(folder, "damaged")
    (damaged / "METADATA").write_bytes(b"\xff\xfe")
    return folder


def zerokd(*arguments, site=None, cwd=None, fresh=False, **environment):
    env = {key: value for key, value in os.environ.items() if key != "ZEROKD_PLUGINS"}
    if site:
        env["PYTHONPATH"] = os.pathsep.join([str(site), env.get("PYTHONPATH", "")])
    return command.zerokd(*arguments, env=env | environment, cwd=cwd, fresh=fresh)


@pytest.fixture(scope="module")
def shown(site):
    done = zerokd("plugins", "--json", site=site)
    assert (done.returncode, done.stderr) == (0, "")
    listing = json.loads(done.stdout)  # nothing that a plugin prints is in it
    return {row["provider"]["name"]: row for row in listing["plugins"]}, listing["clashes"]


@pytest.mark.parametrize("name", BROKEN)
def test_a_fault_is_told_with_distribution_and_version(shown, name):
    row = shown[0][name]
    assert row["provider"]["version"] == "1.0"
    assert row["state"] == "broken"
    assert BROKEN[name][1] in " ".join(row["reasons"])


@pytest.mark.parametrize("name", NOTED)
def test_bad_manners_are_noted_and_the_plugin_serves(shown, name):
    row = shown[0][name]
    assert row["state"] == "ok"
    assert NOTED[name][1].removeprefix("note: ") in " ".join(row["notes"])


def test_one_that_makes_every_listing_slow_is_noted(tmp_path):
    install(tmp_path, "heavy", code="import torch\n" + HOOK.format(name="heavy", module="heavy"))
    assert "note: imports torch on registration" in " ".join(
        zerokd("plugins", site=tmp_path, fresh=True).stdout.split()
    )


def test_the_good_ones_are_as_good_as_alone(shown):
    for name in ("good-one", "Good_Two", "fits", "later", "other", "shadow", "twin-a", "twin-b"):
        assert (shown[0][name]["state"], shown[0][name]["notes"]) == ("ok", [])
    assert shown[0]["zerokd"]["state"] == "ok"


def test_what_metadata_say_is_heard_before_anything_is_imported(shown):
    assert "it needs zerokd>=99, and this is 0.1.0" in shown[0]["too-new"]["reasons"][0]
    assert "nothing" in shown[0]["no-such-attribute"]["reasons"][0]
    assert "damaged" in shown[0]


def test_clashes_say_what_to_write(shown):
    text = " ".join(shown[1])
    assert "loss 'mse' is the built-in one; write shadow:mse for the other" in text
    assert "loss 'twin' is provided by twin-a 1.0 and twin-b 1.0: write twin-a:twin or twin-b:twin" in text


def test_the_table_is_for_80_columns_and_a_pipe(site):
    done = zerokd("plugins", site=site)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    long = [line for line in done.stdout.splitlines() if len(line) > 80]
    assert all(" " not in line.strip() for line in long), long
    assert "HELLO" in done.stdout  # as a note
    assert done.stdout.count("HELLO") == 1


def test_requirements_bring_usable_plugins_back(site):
    done = zerokd("plugins", "--requirements", site=site)
    lines = done.stdout.splitlines()
    assert lines[0] == "zerokd==0.1.0"
    assert {"good-one==1.0", "Good_Two==2.1"} <= set(lines)
    assert not any(line.startswith(("missing", "too-new")) for line in lines)


def test_list_and_other_commands_are_unharmed(site):
    done = zerokd("list", "losses", site=site)
    assert done.returncode == 0
    assert "good_one" in done.stdout
    assert "HELLO" not in done.stdout.replace("printed: HELLO", "")
    assert zerokd("show", "mse", site=site).returncode == 0


@pytest.mark.parametrize(
    ("chosen", "there", "absent"),
    [("Good.One", {"good-one"}, {"Good_Two", "missing"}), ("good_two,GOOD-ONE", {"good-one", "Good_Two"}, {"fits"})],
)
def test_zerokd_plugins_chooses_by_normalised_name(site, chosen, there, absent):
    done = zerokd("plugins", "--json", site=site, ZEROKD_PLUGINS=chosen)
    names = {row["provider"]["name"] for row in json.loads(done.stdout)["plugins"]}
    assert there <= names
    assert not absent & names


def test_a_chosen_plugin_that_is_not_installed_is_told(site):
    done = zerokd("plugins", site=site, ZEROKD_PLUGINS="good-oen")
    assert "ZEROKD_PLUGINS names it, but it is not installed; did you mean" in " ".join(done.stdout.split())


@pytest.mark.parametrize("command", [["plugins"], ["list"]])
def test_no_plugins_leaves_all_out_but_files(site, tmp_path, command):
    (tmp_path / "mine.py").write_text(HOOK.format(name="mine", module="mine"))
    done = zerokd(*command, "--no-plugins", "--plugin", tmp_path / "mine.py", site=site)
    assert done.returncode == 0
    assert "mine" in done.stdout
    assert "good" not in done.stdout


def test_a_component_or_a_plugin_is_checked_and_a_defect_ends_with_2(site):
    done = zerokd("plugins", "--check", "mse", site=site)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "29 passed, 0 known failures, 0 failed"
    done = zerokd("plugins", "--check", "good-one", "--json", site=site)
    assert done.returncode == 2
    failed = {load["check"] for load in json.loads(done.stdout) if load["state"] == "FAILED"}
    assert failed == {"docstring", "example", "bounds", "ports_declared"}
    done = zerokd("plugins", "--check", "missing", site=site)
    assert done.returncode == 2
    assert "plugin missing 1.0 is broken: ModuleNotFoundError" in done.stderr


def test_several_jobs_report_what_one_reports(site):
    one, two = (zerokd("plugins", "--check", "good-one", *more, site=site) for more in ([], ["--jobs", "2"]))
    assert (two.returncode, two.stdout) == (one.returncode, one.stdout)
    done = zerokd("plugins", "--jobs", "2", site=site)
    assert (done.returncode, "--jobs applies to --check" in done.stderr) == (2, True)


def test_a_fault_of_a_plugin_can_be_seen_in_full(site, tmp_path):
    code = "import zerokd\ndef deep(): raise ValueError('deep inside')\nclass Bad(zerokd.Loss):\n    deep()\n"
    (tmp_path / "bad_loss.py").write_text(code)
    hook = HOOK.format(name="bad", module="x").replace("x.loss:Flat", "bad_loss:Bad")
    (tmp_path / "bad.py").write_text(hook)
    arguments = ["show", "bad", "--plugin", tmp_path / "bad.py"]
    brief, full = zerokd(*arguments, site=tmp_path), zerokd("--traceback", *arguments, site=tmp_path)
    assert brief.returncode == full.returncode == 2
    assert "zerokd --traceback ... shows the call stack" in brief.stderr
    assert "in deep" in full.stderr
    assert "in deep" not in brief.stderr


def completed(words, site):
    env = {"_ZEROKD_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    code = "import sys; sys.argv[0] = 'zerokd'; from zerokd.cli import main; main()"
    full = {**os.environ, **env, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    full.pop("ZEROKD_PLUGINS", None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=full, timeout=60)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_the_shell_knows_names(site):
    assert completed("zerokd show multi_r", site) == ["multi_region_exposure"]
    assert completed("zerokd show good_o", site) == ["good_one"]
    assert completed("zerokd show twin-a:", site) == ["twin-a:twin"]
    assert "vgg_perceptual" in completed("zerokd plugins --check v", site)
    assert completed("zerokd list sched", site) == ["schedules"]
    assert "plugins" in completed("zerokd pl", site)
