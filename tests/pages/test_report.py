"""The page says what the run says, as text, the same each time, and alone."""

import json
import re

import pytest

from tests.pages.runs import HOSTILE, changed, copied, shared_run
from zerokd.errors import RunFolderError
from zerokd.pages import report
from zerokd.pages.report import build_report_context, try_write_report, write_report
from zerokd.pages.run_record import read_run


def page(folder):
    return write_report(folder).read_text()


def test_it_says_what_the_run_says(tmp_path):
    folder = copied(tmp_path)
    text, manifest = page(folder), json.loads((folder / "manifest.json").read_text())
    assert "alpha*distillation + beta*feature_matching + (1 - alpha - beta)*task + contrastive" in text
    assert f"{manifest['result']['fidelity']['student to teacher']:.2f} dB" in text
    assert "161" in text
    assert manifest["result"]["student"]["sha256"] in text
    assert all(term in text for term in manifest["stages"][1]["weights"])
    assert "caution" in text
    assert "truth" in text
    assert text.count('class="compare"') == 2 * len(manifest["data"]["held_out"][:4])


def test_the_same_run_gives_the_same_bytes_and_nothing_is_left(tmp_path):
    folder = copied(tmp_path)
    before = {path.name for path in folder.iterdir()}
    first = page(folder)
    assert page(folder) == first
    assert {path.name for path in folder.iterdir()} == before | {"report.html"}


def test_it_stands_alone(tmp_path):
    text = page(copied(tmp_path))
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', text)
    assert "default-src 'none'" in text
    assert "http" not in re.sub(r"data:[^\"]*", "", text).replace("http-equiv", "")


def test_hostile_text_stays_text(tmp_path):
    folder = copied(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["data"]["rejected"] = [{"name": f"{HOSTILE}.jpg", "reason": "</script><script>alert(2)</script>"}]
    text = page(
        changed(
            folder, recipe=HOSTILE, fallbacks=[HOSTILE], command=["run", HOSTILE], data=manifest["data"],
            plugins={HOSTILE: HOSTILE},
        )
    )  # fmt: skip
    assert "<img src=x" not in text
    assert text.count("<script") == 1
    assert "&lt;img src=x onerror=" in text


def test_a_hostile_recipe_and_a_closing_tag_in_it(tmp_path):
    folder = copied(tmp_path)
    (folder / "recipe.toml").write_text(f'name = "{HOSTILE}</code></pre><script>alert(3)</script>"')
    assert page(folder).count("<script") == 1


def test_warnings_of_every_kind(tmp_path):
    folder = copied(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["stages"][0]["capacity"]["channels"]["names"] = ["e_conv1[2]"]
    manifest["stages"][1]["metrics"]["truth"]["fault"] = "boom"
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"kind": "skipped", "stage": "distill", "step": 7}) + "\n")
    changed(
        folder,
        stages=manifest["stages"],
        observers={"board": {"failed": "no disk"}},
        resumed=[{"stage": "distill", "step": 3}],
    )
    kinds = [kind for kind, _ in build_report_context(read_run(folder))["warnings"]]
    for kind in ("caution", "dead channels", "skipped step", "metric failed", "observer failed", "resumed"):
        assert kind in kinds


def test_an_unfinished_run_has_a_page_that_says_so(tmp_path):
    folder = copied(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["result"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for name in ("student.safetensors", "metrics.jsonl"):
        (folder / name).unlink()
    text = page(folder)
    assert "this run has not ended" in text
    assert "Missing files" in text


def test_no_run_no_page(tmp_path):
    with pytest.raises(RunFolderError):
        write_report(tmp_path)
    assert try_write_report(tmp_path).startswith("NO REPORT: ")
    assert list(tmp_path.iterdir()) == []


def test_the_run_itself_is_left_as_it_was(tmp_path):
    folder = copied(tmp_path)
    page(folder)
    for path in shared_run().rglob("*"):
        if path.is_file() and path.name != ".lock":
            assert (folder / path.relative_to(shared_run())).read_bytes() == path.read_bytes()


PARTS = ("recipe", "command", "seed", "device", "threads", "versions", "platform", "plugins", "data")


@pytest.mark.parametrize("part", PARTS)
def test_an_account_without_a_part_of_it_is_a_damaged_one(tmp_path, part):
    folder = copied(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest[part]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunFolderError, match="damaged or incomplete"):
        write_report(folder)
    assert not (folder / "report.html").exists()
    assert try_write_report(folder).startswith("NO REPORT: ")


def test_no_fault_of_the_report_is_a_fault_of_the_run(tmp_path, monkeypatch):
    def broken(*arguments):
        raise RuntimeError("a bug of zerokd")

    monkeypatch.setattr(report, "build_report_context", broken)
    assert try_write_report(copied(tmp_path)) == "NO REPORT: RuntimeError: a bug of zerokd"


def test_values_that_were_not_finite_are_a_dash(tmp_path):
    folder = copied(tmp_path)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        if line["kind"] == "gradients":
            line["cosines"][0][1] = None
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["result"]["fidelity"]["student to teacher"] = None
    text = page(changed(folder, result=manifest["result"]))
    assert "<b>-</b>" in text
    assert '--share: 0">-</td>' in text


RECORDED = (
    "terms.task.color.monitor=true",
    "measure_every=1",
    'export="best"',
    'best={ metric="truth" }',
    'stages.distill.optimizer={ use="lion", learning_rate=1e-3, clip_norm="off" }',
)


def test_optimizer_export_metrics_during_a_stage_and_monitored_terms(tmp_path):
    folder = copied(tmp_path, *RECORDED)
    text = page(folder)
    assert "Optimizer: adam (weight_decay=0 " in text
    assert "learning rate 0.001 to 1e-07 (cosine), gradient norm not clipped" in text
    assert "exported: the best student; best truth " in text
    assert text.count("<h3>Metrics during the stage</h3>") == 2
    assert text.count("<h3>Value of each monitored term</h3>") == 1
    pretrain, distill = build_report_context(read_run(folder))["stages"]
    marked = [term for term in distill["terms"] if term.is_monitored]
    assert [term.label for term in marked] == ["task.color"]
    assert marked[0].first > 0
    assert not any(term.is_monitored for term in pretrain["terms"])
    assert (pretrain["exported"], pretrain["monitored"]) == ("", "")
    assert '<th scope="row">task.color</th><td>monitored</td>' in text


def test_the_report_of_a_run_without_these_records_is_written_all_the_same(tmp_path):
    folder = copied(tmp_path)
    stages = json.loads((folder / "manifest.json").read_text())["stages"]
    old = [{key: value for key, value in stage.items() if key not in ("optimizer", "exported")} for stage in stages]
    text = page(changed(folder, stages=old))
    assert "Optimizer:" not in text
    assert "exported:" not in text
