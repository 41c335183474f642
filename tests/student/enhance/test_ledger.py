"""A record knows what is done, and what is ours."""

import json

import pytest

from zerokd.student.enhance.ledger import LEDGER_FOLDER, Ledger


@pytest.fixture
def out(tmp_path):
    (tmp_path / "a.png").write_bytes(b"bright")
    return tmp_path


def write_record(out, **settings):
    ledger = Ledger(out, settings)
    ledger.record_outputs("a.png", "digest", {"a.png": out / "a.png"})
    return ledger


def test_the_same_source_and_settings_are_done(out):
    ledger = write_record(out, strength=1.0)
    assert ledger.is_up_to_date("a.png", "digest", [out / "a.png"])
    assert not ledger.is_up_to_date("a.png", "another photo", [out / "a.png"])
    assert not ledger.is_up_to_date("b.png", "digest", [out / "a.png"])
    assert not Ledger(out, {"strength": 0.5}).is_up_to_date("a.png", "digest", [out / "a.png"])
    assert not ledger.is_up_to_date("a.png", "digest", [out / "a.png", out / "a.compare.png"])


def test_an_output_that_was_changed_or_is_gone_is_not_done(out):
    ledger = write_record(out)
    (out / "a.png").write_bytes(b"edited")
    assert not ledger.is_up_to_date("a.png", "digest", [out / "a.png"])
    assert ledger.find_foreign_outputs("a.png", [out / "a.png"]) == [out / "a.png"]
    (out / "a.png").unlink()
    assert not ledger.is_up_to_date("a.png", "digest", [out / "a.png"])
    assert ledger.find_foreign_outputs("a.png", [out / "a.png"]) == []


def test_between_record_and_output_both_the_old_and_the_new_are_ours(out):
    ledger = write_record(out)
    fresh = out / "fresh.png"
    fresh.write_bytes(b"brighter")
    ledger.record_outputs("a.png", "digest", {"a.png": fresh})  # a process that ends here leaves the old output
    assert ledger.find_foreign_outputs("a.png", [out / "a.png"]) == []
    assert not ledger.is_up_to_date("a.png", "digest", [out / "a.png"])
    fresh.replace(out / "a.png")
    assert ledger.is_up_to_date("a.png", "digest", [out / "a.png"])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"outputs": {}}'])
def test_a_damaged_record_is_no_record(out, text):
    ledger = write_record(out)
    (record,) = (out / LEDGER_FOLDER).iterdir()
    record.write_text(text)
    assert not ledger.is_up_to_date("a.png", "digest", [out / "a.png"])
    assert ledger.find_foreign_outputs("a.png", [out / "a.png"]) == [out / "a.png"]


def test_records_are_small_and_say_whose_they_are(out):
    write_record(out, strength=1.0)
    (record,) = (out / LEDGER_FOLDER).iterdir()
    assert json.loads(record.read_text())["name"] == "a.png"
