"""``zerokd card`` from a shell."""

from huggingface_hub import ModelCard

from tests.command import zerokd
from tests.pages.runs import copied


def test_the_path_of_the_card_is_printed(tmp_path):
    folder = copied(tmp_path)
    done = zerokd("card", folder, "--license", "Apache-2.0")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{folder / 'README.md'}\n", "")
    assert ModelCard.load(folder / "README.md").data.license == "apache-2.0"


def test_mistakes(tmp_path):
    folder = copied(tmp_path)
    assert zerokd("card", folder, "--license", "my own").returncode == 2
    assert zerokd("card", tmp_path).returncode == 5
    assert zerokd("card", folder, "--evaluation", tmp_path / "none.json").returncode == 3
    (folder / "README.md").write_text("mine")
    assert zerokd("card", folder).returncode == 5
    assert zerokd("card", folder, "--overwrite").returncode == 0
