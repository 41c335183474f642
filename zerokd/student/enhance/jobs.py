"""Photos and films through a student: each one whole or not at all, none twice, and one that fails stops no other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
from attrs import evolve, field, frozen

from zerokd._version import __version__
from zerokd.errors import OutOfMemoryError, OutputError, Problem, RecipeError
from zerokd.files.digest import file_sha256
from zerokd.plugin.error_attribution import report_out_of_memory
from zerokd.student.enhance import video
from zerokd.student.enhance.engines import Engine, choose_engine
from zerokd.student.enhance.inputs import Job, collect_jobs
from zerokd.student.enhance.ledger import Ledger
from zerokd.student.enhance.partial_files import PartialFiles, partial_path
from zerokd.student.enhance.photo import PHOTO_SUFFIXES, MediaError, count_pixels, load_photo, save_photo
from zerokd.student.enhance.thread_pool import PixelBudget, map_in_order
from zerokd.student.enhance.tiles import TILE_ROWS
from zerokd.student.location import BUNDLED, resolve_student_file

RERUN_HINT = "what was enhanced before is kept; run it again for the rest"
COMPARISON_GAP = 8  # pixels between before and after
MAX_PIXELS_IN_FLIGHT = 2**27  # of all photos that are worked on at a time: some 2 GiB


@frozen
class EnhanceOptions:
    """What is done to each file: by which student, how much of its work, on ``threads`` cores, whether before and after
    of photos are written too, and whether a file that is not ours may be written over. For ``weights``, ``engine``,
    ``scale`` and ``plugins`` see :func:`zerokd.student.enhance.engines.choose_engine`."""

    weights: str | Path = BUNDLED
    strength: float = 1.0
    compare: bool = False
    overwrite: bool = False
    scale: int = 0
    engine: str = "auto"
    threads: int = 1
    plugins: tuple[Path, ...] = ()


@frozen(eq=False)
class Task:
    """Everything that is to be enhanced, and by what."""

    jobs: tuple[Job, ...]
    engine: Engine
    ledger: Ledger
    options: EnhanceOptions


@frozen
class Summary:
    """What became of the jobs: names that were ``done``, those that were so ``before``, and why others ``failed``."""

    enhanced_files: list[str] = field(factory=list)
    up_to_date_files: list[str] = field(factory=list)
    failures: dict[str, str] = field(factory=dict)

    def describe(self, seconds: float) -> str:
        """One line."""
        counts = [f"{len(self.enhanced_files)} enhanced in {seconds:.1f} s"]
        counts += [f"{len(self.up_to_date_files)} were done before"] if self.up_to_date_files else []
        counts += [f"{len(self.failures)} FAILED"] if self.failures else []
        return ", ".join(counts)


def plan_task(inputs: Sequence[Path], out: Path, options: EnhanceOptions, shard: tuple[int, int] = (1, 1)) -> Task:
    """Look at everything that is asked for before anything is written.

    Raises:
        ZerokdError: what :func:`zerokd.student.enhance.inputs.collect_jobs` and :func:`ready` raise.
    """
    jobs = collect_jobs(inputs, out, (*PHOTO_SUFFIXES, *video.VIDEO_SUFFIXES), shard)
    _check_comparison_targets(jobs, options)
    root = out.parent if jobs and jobs[0].target == out else out
    return evolve(create_empty_task(options, root), jobs=tuple(jobs))


def create_empty_task(options: EnhanceOptions, root: Path) -> Task:
    """A task without files, whose records lie in ``root``.

    Raises:
        ZerokdError: what :func:`zerokd.student.enhance.engines.choose_engine` raises.
    """
    file = resolve_student_file(options.weights)
    engine = choose_engine(file, options.engine, options.scale, options.threads, options.plugins)
    settings = {
        "weights": file_sha256(file),
        "strength": options.strength,
        "scale": options.scale,
        "zerokd": __version__,
    }
    return Task((), engine, Ledger(root, settings), options)


def _check_comparison_targets(jobs: Sequence[Job], options: EnhanceOptions) -> None:
    targets = {job.target for job in jobs} if options.compare else set()
    for job in jobs:
        if comparison_path(job.target) in targets:
            text = f"{str(comparison_path(job.target))!r} would be a photo, and before and after of {job.name!r}"
            raise RecipeError(Problem(text, hints=("leave --compare out, or enhance that photo elsewhere",)))


def run_task(
    task: Task,
    report: Callable[[str, str], None] = lambda name, told: None,
    report_progress: Callable[[str, float], None] = lambda name, share: None,
) -> Summary:
    """Enhance every file that is not done; ``tell`` hears of each one, ``watch`` how much of a film is done.

    Raises:
        OutputError: the outputs cannot be written.
    """
    summary, work = Summary(), _FileEnhancer(task, PartialFiles(job.target for job in task.jobs), report_progress)
    threads = max(1, min(task.options.threads, len(task.jobs))) if task.engine.allows_parallel_bands else 1
    with closing(map_in_order(work.enhance_file, task.jobs, threads, runs_in_caller=_is_video)) as made:
        for job, outcome in made:
            _record_outcome(job, outcome, summary, report)
    return summary


def _record_outcome(
    job: Job, outcome: Callable[[], tuple[str, ...] | None], summary: Summary, report: Callable[[str, str], None]
) -> None:
    try:
        with report_out_of_memory("enhancing it"):
            notes = outcome()
    except (MediaError, OutOfMemoryError) as error:
        summary.failures[job.name] = error.problems[0].message if isinstance(error, OutOfMemoryError) else str(error)
        report(job.name, f"FAILED: {summary.failures[job.name]}")
    except OSError as error:
        text = f"cannot write {str(job.target)!r}: {error.strerror or error}"
        raise OutputError(Problem(text, hints=(RERUN_HINT,))) from error
    else:
        (summary.up_to_date_files if notes is None else summary.enhanced_files).append(job.name)
        report(job.name, "; ".join(notes or ()))


def enhance_pixels(pixels: np.ndarray, engine: Engine, strength: float, threads: int) -> np.ndarray:
    """Pixels (H, W, 3 or 4), uint8, uint16 or float32, brightened; an alpha stays as it is."""
    made = pixels.copy()
    band = engine.prepare_image(pixels, strength)
    step = len(pixels) if engine.needs_whole_image else TILE_ROWS
    parts = [(first, min(first + step, len(pixels))) for first in range(0, len(pixels), step)]
    if engine.allows_parallel_bands and threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda part: band(made, *part), parts))
    else:
        for part in parts:
            band(made, *part)
    return made


def comparison_path(target: Path) -> Path:
    """Where before and after of a photo stand beside each other."""
    return target.with_name(f"{target.stem}.compare{target.suffix}")


def _is_video(job: Job) -> bool:
    return job.source.suffix.lower() not in PHOTO_SUFFIXES


@frozen(eq=False)
class _FileEnhancer:
    """What is done to each file of a task."""

    task: Task
    partial_files: PartialFiles
    report_progress: Callable[[str, float], None]
    pixel_budget: PixelBudget = field(factory=lambda: PixelBudget(MAX_PIXELS_IN_FLIGHT))

    def enhance_file(self, job: Job) -> tuple[str, ...] | None:
        """Enhance one file; returns what there is to say of it, None when it was done before."""
        task, photo = self.task, not _is_video(job)
        outputs = [job.target] + ([comparison_path(job.target)] if task.options.compare and photo else [])
        try:
            if not job.source.is_file():  # reading a pipe would never end
                raise MediaError("broken link" if job.source.is_symlink() else "not a regular file")
            digest = file_sha256(job.source)
        except OSError as error:
            raise MediaError(error.strerror or str(error)) from error
        if task.ledger.is_up_to_date(job.name, digest, outputs):
            return None
        strange = [] if task.options.overwrite else task.ledger.find_foreign_outputs(job.name, outputs)
        if strange:
            raise MediaError(f"{str(strange[0])!r} exists and is not what zerokd wrote: remove it, or give --overwrite")
        job.target.parent.mkdir(parents=True, exist_ok=True)
        fresh = {path: partial_path(path) for path in outputs}
        for path in outputs:
            self.partial_files.remove_stale(path)
        try:
            paths = list(fresh.values())
            notes = self._enhance_photo(job, paths) if photo else self._enhance_video(job, paths[0])
            task.ledger.record_outputs(job.name, digest, {path.name: made for path, made in fresh.items()})
            for path, made in fresh.items():
                os.replace(made, path)
        finally:
            for made in fresh.values():
                made.unlink(missing_ok=True)
        return notes

    def _enhance_photo(self, job: Job, output_paths: list[Path]) -> tuple[str, ...]:
        task, room = self.task, self.pixel_budget
        pixels = count_pixels(job.source) or room.max_pixels
        # as many small ones at once as there are threads, each by one; all threads for one that takes much room
        threads = 1 if pixels * task.options.threads <= room.max_pixels and len(task.jobs) > 1 else task.options.threads
        with room.reserve(pixels):
            picture = load_photo(job.source)
            made = enhance_pixels(picture.pixels, task.engine, task.options.strength, threads)
            lost = save_photo(output_paths[0], made, picture)
            for path in output_paths[1:]:
                gap = np.full((len(made), COMPARISON_GAP, made.shape[2]), np.iinfo(made.dtype).max, made.dtype)
                save_photo(path, np.concatenate([picture.pixels, gap, made], axis=1), picture)
        return picture.notes + lost

    def _enhance_video(self, job: Job, output_path: Path) -> tuple[str, ...]:
        task = self.task

        def frame(pixels: np.ndarray) -> np.ndarray:
            return enhance_pixels(pixels, task.engine, task.options.strength, task.options.threads)

        return video.enhance_video(job.source, output_path, frame, lambda share: self.report_progress(job.name, share))
