"""Every file once, whole, with the bytes of ``zerokd enhance``, whatever becomes of a worker."""

import os
import sys
from pathlib import Path

import pytest
import ray
from conftest import ENGINE
from zerokd_ray.files import MAX_ATTEMPTS, FileWorker, enhance_files

from zerokd.errors import OutputError
from zerokd.student.enhance.inputs import FileReport, FileStatus
from zerokd.student.enhance.jobs import EnhanceOptions, plan_task, run_task

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


def planned(photos, out="out"):
    return plan_task([photos], photos.parent / out, EnhanceOptions(engine=ENGINE))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")}


class Mortal(FileWorker):
    """Its process ends at some files: at ``once.png`` the first time, at ``always.png`` each time."""

    def enhance(self, jobs):
        task = []
        for job in jobs:
            died = job.target.parent.parent / f"{Path(job.name).stem}.died"
            if Path(job.name).stem == "always" or (Path(job.name).stem == "once" and not died.exists()):
                with died.open("a") as file:
                    file.write("x")
                os._exit(9)
            task += super().enhance([job])
        return task


def test_two_workers_do_what_one_machine_does_and_the_second_time_nothing(cluster, photos):
    reports = []
    summary, shares = enhance_files(planned(photos), 2, reports.append)
    run_task(planned(photos, "wanted"))
    assert contents(photos.parent / "out") == contents(photos.parent / "wanted")
    assert len(contents(photos.parent / "out")) == len(summary.enhanced_files) == 9
    assert sorted(report.name for report in reports) == sorted(summary.enhanced_files)
    assert sum(share.files for share in shares.values()) == 9
    assert all(share.seconds > 0 for share in shares.values())
    again, _ = enhance_files(planned(photos), 2, lambda report: None)
    assert (again.enhanced_files, len(again.up_to_date_files)) == ([], 9)
    assert len(run_task(planned(photos)).up_to_date_files) == 9  # its records are those of `zerokd enhance`


def test_a_photo_that_fails_stops_no_other(cluster, photos):
    (photos / "1/bad.png").write_text("no photo")
    reports = []
    summary, _ = enhance_files(planned(photos), 1, reports.append)
    assert len(summary.enhanced_files) == 9
    assert summary.failures == {"1/bad.png": "not an image, or damaged at its start"}
    assert FileReport("1/bad.png", FileStatus.FAILED, "not an image, or damaged at its start") in reports


def test_what_a_lost_worker_had_is_done_by_another_and_what_ends_each_is_given_up(cluster, photos):
    for name in ("once", "always"):
        (photos / f"0/{name}.png").write_bytes((photos / "0/a.png").read_bytes())
    (photos.parent / "out").mkdir()  # for the marks: which photo comes first is chance
    summary, _ = enhance_files(planned(photos), 2, lambda report: None, Mortal)
    assert list(summary.failures) == ["0/always.png"]
    assert "crashed its worker 2 times" in summary.failures["0/always.png"]
    assert len(summary.enhanced_files) + len(summary.up_to_date_files) == 10
    assert len(contents(photos.parent / "out")) == 10
    died = {path.stem: len(path.read_text()) for path in (photos.parent / "out").glob("*.died")}
    assert died == {"once": 1, "always": 1 + MAX_ATTEMPTS}


def test_a_file_that_cannot_be_written_fails_alone(cluster, photos):
    task = planned(photos)
    (photos.parent / "out").mkdir()
    (photos.parent / "out/0").write_text("a file where a folder has to be")
    reports = []
    enhance_files(task, 1, reports.append)
    failed = [report for report in reports if report.status is FileStatus.FAILED]
    assert {report.name for report in failed} == {job.name for job in task.jobs if job.name.startswith("0/")} != set()
    assert all("File exists" in report.message for report in failed)


class FullDisk(FileWorker):
    """A worker that has no space left."""

    def enhance(self, jobs):
        self.setup_error = "cannot write: No space left on device"
        return super().enhance(jobs)


def test_a_worker_without_space_ends_it(cluster, photos):
    with pytest.raises(OutputError, match=r"worker .*: cannot write: No space left on device") as caught:
        enhance_files(planned(photos), 1, lambda report: None, FullDisk)
    assert "run the command again for the rest" in str(caught.value)


def test_a_worker_with_another_student_or_zerokd_ends_it(cluster, photos):
    task = planned(photos)
    task.ledger.settings["zerokd"] = "another"
    with pytest.raises(OutputError, match=r"'best' or zerokd differs on this machine"):
        enhance_files(task, 1, lambda report: None)


def test_nothing_to_do_is_no_fault(cluster, photos):
    none = plan_task([photos], photos.parent / "out", EnhanceOptions(engine=ENGINE), shard=(1, 10**9))
    assert enhance_files(none, 1, lambda report: None)[1] == {}
