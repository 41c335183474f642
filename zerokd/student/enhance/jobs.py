"""Photos and videos through a student: each result is whole, none is computed twice, and a failure stops no other."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from attrs import evolve, field, frozen

from zerokd._version import __version__
from zerokd.errors import OutOfMemoryError, OutputError, Problem, RecipeError
from zerokd.files.atomic import remove_stale_temporaries, replacing
from zerokd.files.digest import file_sha256
from zerokd.files.photo_format import PHOTO_SUFFIXES, MediaError, readable_suffixes
from zerokd.files.photo_header import count_pixels
from zerokd.plugin.error_attribution import report_out_of_memory
from zerokd.student.controls import apply_controls
from zerokd.student.enhance.engines import Engine, choose_engine
from zerokd.student.enhance.frame_enhancer import create_frame_enhancer
from zerokd.student.enhance.inputs import FileReport, FileStatus, Job, collect_jobs
from zerokd.student.enhance.ledger import Ledger
from zerokd.student.enhance.photo import READ_ONLY_SUFFIXES, RESULT_SUFFIX, load_photo, save_photo
from zerokd.student.enhance.summary import Summary
from zerokd.student.enhance.thread_pool import PixelBudget, map_in_order
from zerokd.student.enhance.video.formats import VIDEO_SUFFIXES
from zerokd.student.location import DEFAULT_STUDENT, resolve_student_file

RERUN_HINT = "finished files are kept; run the command again for the rest"
# the next file would meet them too; other errors are of a name or a place, which another file may do without
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)
SPACE_ERRORS = (errno.EFBIG, errno.EDQUOT, errno.EIO)
COMPARISON_GAP = 8  # pixels between before and after
THREADS_PER_PROCESSOR = 3  # of three files, one is processed while two wait until they are on disk
MAX_PIXELS_IN_FLIGHT = 2**27  # of all photos that are processed at a time: some 2 GiB


@frozen
class EnhanceOptions:
    """How files are enhanced.

    Attributes:
        student: as for :func:`zerokd.student.location.resolve_student_file`.
        engine, scale, plugins: as for :func:`zerokd.student.enhance.engines.choose_engine`.
        strength: in [0, 2]; 0 leaves an image as it is, 1 is the student as trained.
        exposure, denoise: as for :func:`zerokd.student.controls.apply_controls`; None is the student as trained.
        compare: write before and after of each photo and video too.
        overwrite: overwrite files that zerokd did not create.
        deinterlace: make whole frames of the fields of interlaced videos.
        frame_by_frame: measure each frame of a video by itself, also where the student's state follows over time.
        threads: the number of threads.
    """

    student: str | Path = DEFAULT_STUDENT
    strength: float = 1.0
    exposure: float | None = None
    denoise: float | None = None
    compare: bool = False
    overwrite: bool = False
    deinterlace: bool = False
    frame_by_frame: bool = False
    scale: int = 0
    engine: str = "auto"
    threads: int = 1
    plugins: tuple[Path, ...] = ()


@frozen(eq=False)
class Task:
    """All jobs, and what carries them out; ``skipped`` counts files in folders that zerokd does not read, by ending."""

    jobs: tuple[Job, ...]
    engine: Engine
    ledger: Ledger
    options: EnhanceOptions
    skipped: Mapping[str, int] = field(factory=dict)


def plan_task(inputs: Sequence[Path], out: Path, options: EnhanceOptions, shard: tuple[int, int] = (1, 1)) -> Task:
    """Check all inputs and options before anything is written.

    Raises:
        RecipeError: a photo would become a video, or a video a photo.
        ZerokdError: as :func:`zerokd.student.enhance.inputs.collect_jobs` and :func:`create_empty_task`.
    """
    skipped: Counter[str] = Counter()
    result_suffixes = dict.fromkeys(READ_ONLY_SUFFIXES, RESULT_SUFFIX)
    jobs = collect_jobs(inputs, out, (*readable_suffixes(), *VIDEO_SUFFIXES), shard, result_suffixes, skipped)
    _check_target_kinds(jobs)
    _check_comparison_targets(jobs, options)
    root = out.parent if jobs and jobs[0].target == out else out
    return evolve(create_empty_task(options, root), jobs=tuple(jobs), skipped=skipped)


def create_empty_task(options: EnhanceOptions, root: Path) -> Task:
    """A task without jobs, whose records are in ``root``.

    Raises:
        ZerokdError: as :func:`zerokd.student.enhance.engines.choose_engine`.
    """
    file = resolve_student_file(options.student, options.plugins)
    file = apply_controls(file, {"exposure": options.exposure, "denoise": options.denoise})
    engine = choose_engine(file, options.engine, options.scale, options.threads, options.plugins)
    settings: dict[str, str | float] = {"weights": file_sha256(file), "strength": options.strength}
    settings |= {"scale": options.scale, "zerokd": __version__}
    settings |= {name: "yes" for name in ("deinterlace", "frame_by_frame") if getattr(options, name)}
    return Task((), engine, Ledger(root, settings), options)


def _check_target_kinds(jobs: Sequence[Job]) -> None:
    for job in jobs:
        if _is_video(job) != (job.target.suffix.lower() in VIDEO_SUFFIXES):
            kind, suffixes = ("video", VIDEO_SUFFIXES) if _is_video(job) else ("photo", PHOTO_SUFFIXES)
            text = f"{str(job.source)!r} is a {kind}, {str(job.target)!r} is none"
            raise RecipeError(Problem(text, hints=(f"the endings of a {kind}: {' '.join(suffixes)}",)))


def _check_comparison_targets(jobs: Sequence[Job], options: EnhanceOptions) -> None:
    targets = {job.target for job in jobs} if options.compare else set()
    for job in jobs:
        if comparison_path(job.target) in targets:
            text = f"{str(comparison_path(job.target))!r} would be both a photo and the comparison of {job.name!r}"
            raise RecipeError(Problem(text, hints=("omit --compare, or enhance that photo into another folder",)))


def run_task(
    task: Task,
    report: Callable[[FileReport], None] = lambda file_report: None,
    report_progress: Callable[[str, float], None] = lambda name, fraction: None,
) -> Summary:
    """Enhance every file that is not up to date.

    Args:
        report: called with the outcome of each job, in the order of the jobs.
        report_progress: called with the name of a video and the fraction that is done, in [0, 1].

    Raises:
        OutputError: a result cannot be written.
    """
    written = [path for job in task.jobs for path in (*_outputs(job, task.options), task.ledger.record_path(job.name))]
    remove_stale_temporaries((path.parent for path in written), written)
    processors = max(1, min(task.options.threads, len(task.jobs))) if task.engine.allows_parallel_bands else 1
    threads = processors * THREADS_PER_PROCESSOR if processors > 1 else 1
    summary = Summary()
    enhancer = _FileEnhancer(task, report_progress, PixelBudget(MAX_PIXELS_IN_FLIGHT, processors))
    with closing(map_in_order(enhancer.enhance_file, task.jobs, threads, runs_in_caller=_is_video)) as results:
        for job, get_result in results:
            file_report = _get_report(job, get_result, task.ledger.root)
            summary.add(file_report)
            report(file_report)
    return summary


def _get_report(job: Job, get_result: Callable[[], FileReport], root: Path) -> FileReport:
    try:
        with report_out_of_memory("enhancing it"):
            return get_result()
    except MediaError as error:
        return FileReport(job.name, FileStatus.FAILED, str(error))
    except OutOfMemoryError as error:
        return FileReport(job.name, FileStatus.FAILED, error.problems[0].message)
    except OSError as error:
        text = f"cannot write {str(job.target)!r}: {error.strerror or error}"  # a name too long, a folder of that name
        if error.errno not in DISK_ERRORS and os.access(root, os.W_OK):
            return FileReport(job.name, FileStatus.FAILED, text)
        text += "; is the disk full?" if error.errno in SPACE_ERRORS else ""
        raise OutputError(Problem(text, hints=(RERUN_HINT,))) from error


def enhance_pixels(pixels: np.ndarray, engine: Engine, strength: float, threads: int) -> np.ndarray:
    """Enhance pixels (H, W, 3 or 4), uint8, uint16 or float32 in [0, 1]; alpha stays as it is."""
    return engine.compute_image(pixels, engine.prepare_image(pixels, strength), threads)


def comparison_path(target: Path) -> Path:
    """The file that shows a photo or video before and after, side by side."""
    return target.with_name(f"{target.stem}.compare{target.suffix}")


def _outputs(job: Job, options: EnhanceOptions) -> list[Path]:
    return [job.target, comparison_path(job.target)] if options.compare else [job.target]


def _is_video(job: Job) -> bool:
    return job.source.suffix.lower() in VIDEO_SUFFIXES


@frozen(eq=False)
class _FileEnhancer:
    """Carries out the jobs of a task, one file at a time, in any number of threads."""

    task: Task
    report_progress: Callable[[str, float], None]
    pixel_budget: PixelBudget

    def enhance_file(self, job: Job) -> FileReport:
        """Enhance one file, unless its result is up to date."""
        ledger, outputs = self.task.ledger, _outputs(job, self.task.options)
        try:
            if not job.source.is_file():  # reading a pipe would never end
                raise MediaError("broken link" if job.source.is_symlink() else "not a regular file")
            digest = file_sha256(job.source)
        except OSError as error:
            raise MediaError(error.strerror or str(error)) from error
        if ledger.is_up_to_date(job.name, digest, outputs):
            damage = ledger.read_damage(job.name)
            return FileReport(job.name, FileStatus.DAMAGED if damage else FileStatus.UP_TO_DATE, damage)
        foreign = [] if self.task.options.overwrite else ledger.find_foreign_outputs(job.name, outputs)
        if foreign:
            raise MediaError(f"zerokd did not create the existing {str(foreign[0])!r}: remove it, or use --overwrite")
        job.target.parent.mkdir(parents=True, exist_ok=True)
        for output in outputs:
            output.is_symlink()  # raises for a name that is too long, before work is wasted on it
        with replacing(*outputs) as paths:
            if _is_video(job):
                damage, notes = self._enhance_video(job, paths)
            else:
                damage, notes = "", tuple(self._enhance_photo(job, paths))
            new_files = {output.name: path for output, path in zip(outputs, paths, strict=True)}
            ledger.record_outputs(job.name, digest, new_files, damage)
        if damage:
            return FileReport(job.name, FileStatus.DAMAGED, "; ".join((damage, *notes)))
        return FileReport(job.name, FileStatus.DONE, "; ".join(notes))

    def _enhance_photo(self, job: Job, output_paths: Sequence[Path]) -> Iterable[str]:
        task, budget = self.task, self.pixel_budget
        pixel_count = count_pixels(job.source) or budget.max_pixels
        # small photos run side by side, each in one thread; a large one runs alone, in all threads
        fits_beside_others = pixel_count * task.options.threads <= budget.max_pixels and len(task.jobs) > 1
        threads = 1 if fits_beside_others else task.options.threads
        with budget.reserve(pixel_count):
            photo = load_photo(job.source)
            enhanced = enhance_pixels(photo.pixels, task.engine, task.options.strength, threads)
            losses = save_photo(output_paths[0], enhanced, photo)
            for path in output_paths[1:]:
                shape = (len(enhanced), COMPARISON_GAP, enhanced.shape[2])
                gap = np.full(shape, np.iinfo(enhanced.dtype).max, enhanced.dtype)
                save_photo(path, np.concatenate([photo.pixels, gap, enhanced], axis=1), photo)
        return photo.notes + losses

    def _enhance_video(self, job: Job, output_paths: Sequence[Path]) -> tuple[str, tuple[str, ...]]:
        """The damage of the source, and what the result lacks."""
        try:
            from zerokd.student.enhance.video.transcode import enhance_video
        except ImportError:
            raise MediaError("videos need PyAV: pip install 'zerokd[video]'") from None
        options = self.task.options

        enhance_frame = create_frame_enhancer(
            self.task.engine, options.strength, options.threads, options.frame_by_frame
        )

        def report_fraction(fraction: float) -> None:
            self.report_progress(job.name, fraction)

        comparison = next(iter(output_paths[1:]), None)
        report = enhance_video(
            job.source, output_paths[0], enhance_frame, report_fraction, comparison, options.deinterlace
        )
        return report.damage, report.notes
