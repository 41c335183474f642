"""The manifest has the keys that are declared, and no others."""

from zerokd.run import records


def test_stage_results_are_keys_of_a_stage():
    keys = records.StageRecord.__required_keys__ | records.StageRecord.__optional_keys__
    assert set(records.STAGE_RESULT_KEYS) <= keys
    assert set(records.STAGE_RESULT_KEYS) == records.StageResult.__optional_keys__


def test_a_checkpoint_carries_what_finished_stages_measured():
    assert {"stage", "step", "metrics", "done", "skipped", "seconds"} == records.CheckpointRecord.__required_keys__
