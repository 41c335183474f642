"""Photos and videos through a student: each result is whole, none is computed twice, and a failure stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
from attrs import define, evolve, field, frozen

from zerokd._version import __version__
from zerokd.errors import OutOfMemoryError, OutputError, Problem, RecipeError
from zerokd.files.atomic import remove_stale_temporaries, replacing
from zerokd.files.digest import file_sha256
from zerokd.files.photo import MediaError
from zerokd.files.photo_header import count_pixels
from zerokd.plugin.error_attribution import report_out_of_memory
from zerokd.student.enhance import video
from zerokd.student.enhance.engines import Engine, choose_engine
from zerokd.student.enhance.inputs import FileReport, FileStatus, Job, collect_jobs
from zerokd.student.enhance.ledger import Ledger
from zerokd.student.enhance.photo import PHOTO_SUFFIXES, load_photo, save_photo
from zerokd.student.enhance.thread_pool import PixelBudget, map_in_order
from zerokd.student.enhance.tiles import TILE_ROWS
from zerokd.student.location import DEFAULT_STUDENT, resolve_student_file

RERUN_HINT = "finished files are kept; run the command again for the rest"
COMPARISON_GAP = 8  # pixels between before and after
MAX_PIXELS_IN_FLIGHT = 2**27  # of all photos that are processed at a time: some 2 GiB


@frozen
class EnhanceOptions:
    """How files are enhanced.

    Attributes:
        student: as for :func:`zerokd.student.location.resolve_student_file`.
        engine, scale, plugins: as for :func:`zerokd.student.enhance.engines.choose_engine`.
        strength: in [0, 2]; 0 leaves an image as it is, 1 is the student as trained.
        compare: write before and after of each photo too.
        overwrite: overwrite files that zerokd did not create.
        threads: the number of threads.
    """

    student: str | Path = DEFAULT_STUDENT
    strength: float = 1.0
    compare: bool = False
    overwrite: bool = False
    scale: int = 0
    engine: str = "auto"
    threads: int = 1
    plugins: tuple[Path, ...] = ()


@frozen(eq=False)
class Task:
    """All jobs, and what carries them out."""

    jobs: tuple[Job, ...]
    engine: Engine
    ledger: Ledger
    options: EnhanceOptions


@define
class Summary:
    """The outcome of all jobs, by name; a failure has its reason."""

    enhanced_files: list[str] = field(factory=list)
    up_to_date_files: list[str] = field(factory=list)
    failures: dict[str, str] = field(factory=dict)

    def add(self, report: FileReport) -> None:
        if report.status is FileStatus.FAILED:
            self.failures[report.name] = report.message
        else:
            is_done = report.status is FileStatus.DONE
            (self.enhanced_files if is_done else self.up_to_date_files).append(report.name)

    def describe(self, seconds: float) -> str:
        """One line, such as "Enhanced 4 files in 1.2 s, 5 files already up to date, 1 file FAILED"."""
        parts = (
            [f"{count_noun(len(self.up_to_date_files), 'file')} already up to date"] if self.up_to_date_files else []
        )
        parts += [f"{count_noun(len(self.failures), 'file')} FAILED"] if self.failures else []
        if self.enhanced_files or not parts:
            parts.insert(0, f"Enhanced {count_noun(len(self.enhanced_files), 'file')} in {seconds:.1f} s")
        return ", ".join(parts)


def count_noun(number: int, noun: str) -> str:
    """A number with its noun, such as "1 file" or "2 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def plan_task(inputs: Sequence[Path], out: Path, options: EnhanceOptions, shard: tuple[int, int] = (1, 1)) -> Task:
    """Check all inputs and options before anything is written.

    Raises:
        ZerokdError: as :func:`zerokd.student.enhance.inputs.collect_jobs` and :func:`create_empty_task`.
    """
    jobs = collect_jobs(inputs, out, (*PHOTO_SUFFIXES, *video.VIDEO_SUFFIXES), shard)
    _check_comparison_targets(jobs, options)
    root = out.parent if jobs and jobs[0].target == out else out
    return evolve(create_empty_task(options, root), jobs=tuple(jobs))


def create_empty_task(options: EnhanceOptions, root: Path) -> Task:
    """A task without jobs, whose records are in ``root``.

    Raises:
        ZerokdError: as :func:`zerokd.student.enhance.engines.choose_engine`.
    """
    file = resolve_student_file(options.student, options.plugins)
    engine = choose_engine(file, options.engine, options.scale, options.threads, options.plugins)
    settings: dict[str, str | float] = {"weights": file_sha256(file), "strength": options.strength}
    settings |= {"scale": options.scale, "zerokd": __version__}
    return Task((), engine, Ledger(root, settings), options)


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
    summary, enhancer = Summary(), _FileEnhancer(task, report_progress)
    threads = max(1, min(task.options.threads, len(task.jobs))) if task.engine.allows_parallel_bands else 1
    with closing(map_in_order(enhancer.enhance_file, task.jobs, threads, runs_in_caller=_is_video)) as results:
        for job, get_result in results:
            file_report = _get_report(job, get_result)
            summary.add(file_report)
            report(file_report)
    return summary


def _get_report(job: Job, get_result: Callable[[], FileReport]) -> FileReport:
    try:
        with report_out_of_memory("enhancing it"):
            return get_result()
    except MediaError as error:
        return FileReport(job.name, FileStatus.FAILED, str(error))
    except OutOfMemoryError as error:
        return FileReport(job.name, FileStatus.FAILED, error.problems[0].message)
    except OSError as error:
        text = f"cannot write {str(job.target)!r}: {error.strerror or error}"
        raise OutputError(Problem(text, hints=(RERUN_HINT,))) from error


def enhance_pixels(pixels: np.ndarray, engine: Engine, strength: float, threads: int) -> np.ndarray:
    """Enhance pixels (H, W, 3 or 4), uint8, uint16 or float32 in [0, 1]; alpha stays as it is."""
    enhanced = pixels.copy()
    compute_band = engine.prepare_image(pixels, strength)
    step = len(pixels) if engine.needs_whole_image else TILE_ROWS
    bands = [(first, min(first + step, len(pixels))) for first in range(0, len(pixels), step)]
    if engine.allows_parallel_bands and threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda band: compute_band(enhanced, *band), bands))
    else:
        for band in bands:
            compute_band(enhanced, *band)
    return enhanced


def comparison_path(target: Path) -> Path:
    """The file that shows a photo before and after, side by side."""
    return target.with_name(f"{target.stem}.compare{target.suffix}")


def _outputs(job: Job, options: EnhanceOptions) -> list[Path]:
    return [job.target, comparison_path(job.target)] if options.compare and not _is_video(job) else [job.target]


def _is_video(job: Job) -> bool:
    return job.source.suffix.lower() not in PHOTO_SUFFIXES


@frozen(eq=False)
class _FileEnhancer:
    """Carries out the jobs of a task, one file at a time, in any number of threads."""

    task: Task
    report_progress: Callable[[str, float], None]
    pixel_budget: PixelBudget = field(factory=lambda: PixelBudget(MAX_PIXELS_IN_FLIGHT))

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
            return FileReport(job.name, FileStatus.UP_TO_DATE)
        foreign = [] if self.task.options.overwrite else ledger.find_foreign_outputs(job.name, outputs)
        if foreign:
            raise MediaError(f"zerokd did not create the existing {str(foreign[0])!r}: remove it, or use --overwrite")
        job.target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(*outputs) as paths:
            notes = self._enhance_video(job, paths[0]) if _is_video(job) else self._enhance_photo(job, paths)
            new_files = {output.name: path for output, path in zip(outputs, paths, strict=True)}
            ledger.record_outputs(job.name, digest, new_files)
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

    def _enhance_video(self, job: Job, output_path: Path) -> Iterable[str]:
        task = self.task

        def enhance_frame(pixels: np.ndarray) -> np.ndarray:
            return enhance_pixels(pixels, task.engine, task.options.strength, task.options.threads)

        def report_fraction(fraction: float) -> None:
            self.report_progress(job.name, fraction)

        return video.enhance_video(job.source, output_path, enhance_frame, report_fraction)
