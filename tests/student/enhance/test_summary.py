"""One line sums up; each status is counted once."""

import pytest

from zerokd.student.enhance.inputs import FileReport, FileStatus
from zerokd.student.enhance.summary import Summary, count_noun

STATUSES = (FileStatus.DONE, FileStatus.UP_TO_DATE, FileStatus.DAMAGED, FileStatus.FAILED)


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ((9, 0, 0, 0), "Enhanced 9 files in 1.2 s"),
        ((0, 9, 0, 0), "9 files already up to date"),
        ((1, 2, 0, 1), "Enhanced 1 file in 1.2 s, 2 files already up to date, 1 file FAILED"),
        ((1, 0, 2, 1), "Enhanced 1 file in 1.2 s, 2 files DAMAGED, 1 file FAILED"),
        ((0, 1, 0, 2), "1 file already up to date, 2 files FAILED"),
        ((0, 0, 0, 0), "Enhanced 0 files in 1.2 s"),
    ],
)
def test_one_line_sums_up(counts, text):
    summary = Summary()
    for status, count in zip(STATUSES, counts, strict=True):
        for number in range(count):
            summary.add(FileReport(f"{status.value}{number}", status, "why"))
    assert summary.describe(1.2) == text
    assert set(summary.damaged_files.values()) <= {"why"}
    assert len(summary.damaged_files) == counts[2]


def test_a_noun_has_its_number():
    assert [count_noun(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
