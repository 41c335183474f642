"""A model card: metadata that the Hub's own library reads, and what the record of a run says, no more."""

import json
import re
import tomllib

import pytest
from huggingface_hub import ModelCard

from tests.mutated_records import exit_code, mutations
from tests.pages.runs import HOSTILE, changed, copied
from tests.student.evaluate.test_tables import evaluation
from zerokd.errors import DataError, OutputError, RunFolderError
from zerokd.pages.model_card import CARD_MARKER, write_model_card


def write_evaluation(folder, path, mine=13.5, photos="/home/me/LOL eval"):
    """An evaluation of the run's student, with baselines of 10 to 14 dB."""
    evaluated = evaluation(mine)
    evaluated.photos, evaluated.command = photos, "zerokd evaluate LOL"
    record = evaluated.as_json()
    record["methods"]["mine"]["sha256"] = json.loads((folder / "manifest.json").read_text())["result"]["student"][
        "sha256"
    ]
    path.write_text(json.dumps(record))
    return path


def card(folder, *arguments, **options):
    path = write_model_card(folder, *arguments, **options)
    return ModelCard.load(path), path.read_text()


def test_the_hub_reads_the_metadata_and_the_results(tmp_path):
    folder = copied(tmp_path)
    model_card, _ = card(folder, write_evaluation(folder, tmp_path / "e.json"), "apache-2.0")
    data = model_card.data
    assert (data.license, data.library_name, data.pipeline_tag) == ("apache-2.0", "zerokd", "image-to-image")
    assert "zero-reference" in data.tags
    results = {(result.dataset_name, result.metric_name): result.metric_value for result in data.eval_results}
    assert results["LOL eval", "PSNR"] == 13.5
    assert results["LOL eval", "cast"] == 0.5
    assert any(name == "dead_leaves, held out from training" for name, _ in results)
    assert not any("input" in metric for _, metric in results)  # a measurement of the input is not the model's


def test_baselines_that_win_are_limits(tmp_path):
    folder = copied(tmp_path)
    _, text = card(folder, write_evaluation(folder, tmp_path / "e.json"))
    assert "A baseline without training is better in PSNR: exposed curve + 3x3, 14.00 against 13.50." in text
    assert "| exposed curve + 3x3  |" in text
    assert "/home/me" not in text
    _, text = card(folder, write_evaluation(folder, tmp_path / "e.json", 14.5))
    assert "is better in" not in text


def test_a_card_without_an_evaluation_claims_no_comparison(tmp_path):
    _, text = card(copied(tmp_path))
    assert "Not evaluated on photos" in text
    assert "No measurement on photos is part of this card." in text
    assert "No licence was chosen for the weights" in text


def test_recipe_data_digests_fallbacks_and_cautions(tmp_path):
    folder = changed(copied(tmp_path), fallbacks=["slow `way` <b>"], cautions=[])
    manifest = json.loads((folder / "manifest.json").read_text())
    _, text = card(folder)
    recipe = re.search(r"^```toml\n(.*?)^```$", text, re.M | re.S)[1]
    assert tomllib.loads(recipe) == tomllib.loads((folder / "recipe.toml").read_text())
    assert f"SHA-256 {manifest['result']['student']['sha256']}\n" in text
    assert manifest["data"]["sha256"] in text
    assert "### Fallbacks\n\n- slow \\`way\\` \\<b\\>\n\n### Cautions\n\n- none\n" in text
    assert manifest["models"]["teacher"]["sha256"] in text


def test_training_on_references_is_not_zero_reference(tmp_path):
    caution = "stage fit: trains on references (pixels.l1): its student is not zero-reference"
    model_card, text = card(changed(copied(tmp_path), cautions=[caution]))
    assert "zero-reference" not in model_card.data.tags
    assert "**Not zero-reference**: stage fit: trains on references (pixels.l1)" in text
    assert "**Zero-reference**" in card(copied(tmp_path, name="other"))[1]


def test_folders_above_a_path_are_private(tmp_path):
    command = ["run", "mine.toml", "--data", "/home/me/photos", "--set", "data.references=/home/me/lit/", "-o", "out/a"]
    recipe = 'path = "/home/me/private/low"  # 1/2 and a/b stay\nurl = "https://a.b/c"\n'
    folder = changed(copied(tmp_path), command=command)
    (folder / "recipe.toml").write_text((folder / "recipe.toml").read_text() + recipe)
    _, text = card(folder)
    assert "/home" not in text
    assert "zerokd run mine.toml --data photos --set data.references=lit -o out/a" in text
    assert 'path = "low"  # 1/2 and a/b stay\nurl = "https://a.b/c"' in text


def test_hostile_records_stay_text(tmp_path):
    folder = changed(copied(tmp_path), cautions=[HOSTILE, "a\n---\nlicense: mit", "| x"], recipe="x`\n---")
    evaluation_file = write_evaluation(folder, tmp_path / "e.json", photos=f'/p/"{HOSTILE}: #中\n---')
    model_card, text = card(folder, evaluation_file)
    assert HOSTILE not in text.partition("\n---\n")[2]
    assert model_card.data.license == "unknown"
    assert "中" in model_card.data.eval_results[0].dataset_name


def test_a_readme_of_somebody_else_stays(tmp_path):
    folder = copied(tmp_path)
    (folder / "README.md").write_text("mine")
    with pytest.raises(OutputError, match="is no model card of zerokd"):
        write_model_card(folder)
    assert (folder / "README.md").read_text() == "mine"
    assert write_model_card(folder, target=tmp_path / "CARD.md") == tmp_path / "CARD.md"
    assert CARD_MARKER in card(folder, overwrite=True)[1]
    write_model_card(folder)  # a card of zerokd is replaced


def test_an_evaluation_of_another_student_is_refused(tmp_path):
    folder = copied(tmp_path)
    file = tmp_path / "e.json"
    file.write_text(json.dumps(evaluation(13.5).as_json()))
    with pytest.raises(DataError, match="does not measure the student of this run"):
        write_model_card(folder, file)
    for text in ("{}", "no", "[" * 100):
        file.write_text(text)
        with pytest.raises(DataError, match="is no evaluation"):
            write_model_card(folder, file)
    assert not (folder / "README.md").exists()


def test_only_the_student_of_a_finished_run_has_a_card(tmp_path):
    with pytest.raises(RunFolderError, match="has not ended"):
        write_model_card(changed(copied(tmp_path), result=None))
    folder = copied(tmp_path, name="second")
    (folder / "student.safetensors").write_bytes(b"other")
    with pytest.raises(RunFolderError, match="not the file that the run wrote"):
        write_model_card(folder)


def test_no_record_ends_in_anything_but_an_error_of_zerokd(tmp_path):
    folder = copied(tmp_path)
    evaluation_file = write_evaluation(folder, tmp_path / "e.json")
    manifest, record = (json.loads(path.read_text()) for path in (folder / "manifest.json", evaluation_file))
    outcomes = set()
    for text in mutations(record, 60, 0):
        evaluation_file.write_text(text)
        outcomes.add(exit_code(lambda: write_model_card(folder, evaluation_file)))
    for text in mutations(manifest, 120, 1):
        (folder / "manifest.json").write_text(text)
        outcomes.add(exit_code(lambda: write_model_card(folder)))
    assert outcomes == {0, 3, 5}
