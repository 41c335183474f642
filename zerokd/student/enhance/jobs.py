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
from zerokd.errors import OutputError, Problem, RecipeError, RoomError
from zerokd.files.digest import sha256
from zerokd.plugin.blame import room_for
from zerokd.student.enhance import video
from zerokd.student.enhance.engines import Engine, choose
from zerokd.student.enhance.inputs import Job, jobs_of
from zerokd.student.enhance.ledger import Ledger
from zerokd.student.enhance.partial_files import Left, unfinished
from zerokd.student.enhance.photo import SUFFIXES, PictureError, pixels_of, read_picture, write_picture
from zerokd.student.enhance.thread_pool import Room, outcomes
from zerokd.student.enhance.tiles import ROWS
from zerokd.student.location import BUNDLED, student_file

AGAIN = "what was enhanced before is kept; run it again for the rest"
GAP = 8  # pixels between before and after
PIXELS = 2**27  # of all photos that are worked on at a time: some 2 GiB


@frozen
class Wish:
    """What is done to each file: by which student, how much of its work, on ``threads`` cores, whether before and after
    of photos are written too, and whether a file that is not ours may be written over. For ``weights``, ``engine``,
    ``scale`` and ``plugins`` see :func:`zerokd.student.enhance.engines.choose`."""

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
    wish: Wish


@frozen
class Summary:
    """What became of the jobs: names that were ``done``, those that were so ``before``, and why others ``failed``."""

    done: list[str] = field(factory=list)
    before: list[str] = field(factory=list)
    failed: dict[str, str] = field(factory=dict)

    def told(self, seconds: float) -> str:
        """One line."""
        counts = [f"{len(self.done)} enhanced in {seconds:.1f} s"]
        counts += [f"{len(self.before)} were done before"] if self.before else []
        counts += [f"{len(self.failed)} FAILED"] if self.failed else []
        return ", ".join(counts)


def plan(inputs: Sequence[Path], out: Path, wish: Wish, shard: tuple[int, int] = (1, 1)) -> Task:
    """Look at everything that is asked for before anything is written.

    Raises:
        ZerokdError: what :func:`zerokd.student.enhance.inputs.jobs_of` and :func:`ready` raise.
    """
    jobs = jobs_of(inputs, out, (*SUFFIXES, *video.SUFFIXES), shard)
    _apart(jobs, wish)
    root = out.parent if jobs and jobs[0].target == out else out
    return evolve(ready(wish, root), jobs=tuple(jobs))


def ready(wish: Wish, root: Path) -> Task:
    """A task without files, whose records lie in ``root``.

    Raises:
        ZerokdError: what :func:`zerokd.student.enhance.engines.choose` raises.
    """
    file = student_file(wish.weights)
    engine = choose(file, wish.engine, wish.scale, wish.threads, wish.plugins)
    settings = {"weights": sha256(file), "strength": wish.strength, "scale": wish.scale, "zerokd": __version__}
    return Task((), engine, Ledger(root, settings), wish)


def _apart(jobs: Sequence[Job], wish: Wish) -> None:
    targets = {job.target for job in jobs} if wish.compare else set()
    for job in jobs:
        if compared(job.target) in targets:
            text = f"{str(compared(job.target))!r} would be a photo, and before and after of {job.name!r}"
            raise RecipeError(Problem(text, hints=("leave --compare out, or enhance that photo elsewhere",)))


def run(
    task: Task,
    tell: Callable[[str, str], None] = lambda name, told: None,
    watch: Callable[[str, float], None] = lambda name, share: None,
) -> Summary:
    """Enhance every file that is not done; ``tell`` hears of each one, ``watch`` how much of a film is done.

    Raises:
        OutputError: the outputs cannot be written.
    """
    summary, work = Summary(), _Work(task, Left(job.target for job in task.jobs), watch)
    threads = max(1, min(task.wish.threads, len(task.jobs))) if task.engine.parallel else 1
    with closing(outcomes(work.one, task.jobs, threads, here=_is_film)) as made:
        for job, outcome in made:
            _note(job, outcome, summary, tell)
    return summary


def _note(
    job: Job, outcome: Callable[[], tuple[str, ...] | None], summary: Summary, tell: Callable[[str, str], None]
) -> None:
    try:
        with room_for("enhancing it"):
            notes = outcome()
    except (PictureError, RoomError) as fault:
        summary.failed[job.name] = fault.problems[0].message if isinstance(fault, RoomError) else str(fault)
        tell(job.name, f"FAILED: {summary.failed[job.name]}")
    except OSError as fault:
        text = f"cannot write {str(job.target)!r}: {fault.strerror or fault}"
        raise OutputError(Problem(text, hints=(AGAIN,))) from fault
    else:
        (summary.before if notes is None else summary.done).append(job.name)
        tell(job.name, "; ".join(notes or ()))


def enhanced(pixels: np.ndarray, engine: Engine, strength: float, threads: int) -> np.ndarray:
    """Pixels (H, W, 3 or 4), uint8, uint16 or float32, brightened; an alpha stays as it is."""
    made = pixels.copy()
    band = engine.start(pixels, strength)
    step = len(pixels) if engine.whole else ROWS
    parts = [(first, min(first + step, len(pixels))) for first in range(0, len(pixels), step)]
    if engine.parallel and threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda part: band(made, *part), parts))
    else:
        for part in parts:
            band(made, *part)
    return made


def compared(target: Path) -> Path:
    """Where before and after of a photo stand beside each other."""
    return target.with_name(f"{target.stem}.compare{target.suffix}")


def _is_film(job: Job) -> bool:
    return job.source.suffix.lower() not in SUFFIXES


@frozen(eq=False)
class _Work:
    """What is done to each file of a task."""

    task: Task
    left: Left
    watch: Callable[[str, float], None]
    room: Room = field(factory=lambda: Room(PIXELS))

    def one(self, job: Job) -> tuple[str, ...] | None:
        """Enhance one file; returns what there is to say of it, None when it was done before."""
        task, photo = self.task, not _is_film(job)
        outputs = [job.target] + ([compared(job.target)] if task.wish.compare and photo else [])
        try:
            if not job.source.is_file():  # reading a pipe would never end
                raise PictureError("broken link" if job.source.is_symlink() else "not a regular file")
            digest = sha256(job.source)
        except OSError as fault:
            raise PictureError(fault.strerror or str(fault)) from fault
        if task.ledger.is_done(job.name, digest, outputs):
            return None
        strange = [] if task.wish.overwrite else task.ledger.strange(job.name, outputs)
        if strange:
            raise PictureError(
                f"{str(strange[0])!r} exists and is not what zerokd wrote: remove it, or give --overwrite"
            )
        job.target.parent.mkdir(parents=True, exist_ok=True)
        fresh = {path: unfinished(path) for path in outputs}
        for path in outputs:
            self.left.remove(path)
        try:
            paths = list(fresh.values())
            notes = self._photo(job, paths) if photo else self._film(job, paths[0])
            task.ledger.note(job.name, digest, {path.name: made for path, made in fresh.items()})
            for path, made in fresh.items():
                os.replace(made, path)
        finally:
            for made in fresh.values():
                made.unlink(missing_ok=True)
        return notes

    def _photo(self, job: Job, fresh: list[Path]) -> tuple[str, ...]:
        task, room = self.task, self.room
        pixels = pixels_of(job.source) or room.pixels
        # as many small ones at once as there are threads, each by one; all threads for one that takes much room
        threads = 1 if pixels * task.wish.threads <= room.pixels and len(task.jobs) > 1 else task.wish.threads
        with room.taken(pixels):
            picture = read_picture(job.source)
            made = enhanced(picture.pixels, task.engine, task.wish.strength, threads)
            lost = write_picture(fresh[0], made, picture)
            for path in fresh[1:]:
                gap = np.full((len(made), GAP, made.shape[2]), np.iinfo(made.dtype).max, made.dtype)
                write_picture(path, np.concatenate([picture.pixels, gap, made], axis=1), picture)
        return picture.notes + lost

    def _film(self, job: Job, fresh: Path) -> tuple[str, ...]:
        task = self.task

        def frame(pixels: np.ndarray) -> np.ndarray:
            return enhanced(pixels, task.engine, task.wish.strength, task.wish.threads)

        return video.enhance_film(job.source, fresh, frame, lambda share: self.watch(job.name, share))
