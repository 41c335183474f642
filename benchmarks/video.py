"""The time of `zerokd enhance` for a video, relative to a filter of ffmpeg that changes brightness.

    python benchmarks/video.py [SECONDS]

makes a noisy video of 1920x1080 pixels at 30 frames a second, then takes turns: ``ffmpeg -vf eq`` with the encoder and
settings that zerokd uses, and zerokd with two students. Both sides include their start; zerokd also reads the result
back. Prints the median of the ratios of three turns, with the least and the greatest.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from zerokd.student.enhance.video.formats import H264

SOURCE = "testsrc2=size=1920x1080:rate=30,eq=brightness=-0.3,noise=alls=6:allf=t"
STUDENTS = ("fidelity", "best")
TURNS = 3


def main() -> None:
    """Print the ratios."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else "5"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "clip.mp4"
        encode(["-f", "lavfi", "-i", SOURCE, "-t", seconds], clip)
        for student in STUDENTS:
            enhance(student, clip, folder / "first")  # builds the student's program once
        ratios: dict[str, list[float]] = {student: [] for student in STUDENTS}
        for turn in range(TURNS):
            usual = measure(encode, ["-i", clip, "-vf", "eq=brightness=0.2"], folder / "eq.mp4")
            for student in STUDENTS:
                target = folder / f"{student}{turn}"
                ratios[student].append(measure(enhance, student, clip, target) / usual)
    for student, values in ratios.items():
        print(
            f"{student:<10}{statistics.median(values):5.2f} times ffmpeg -vf eq, {min(values):.2f} to {max(values):.2f}"
        )


def encode(arguments: list[object], target: Path) -> None:
    """Write a video with ffmpeg and the settings of zerokd's encoder."""
    settings = [word for name, value in H264.options.items() for word in (f"-{name}", value)]
    call("ffmpeg", "-loglevel", "error", "-y", *arguments, "-c:v", H264.name, *settings, "-pix_fmt", "yuv420p", target)


def enhance(student: str, clip: Path, folder: Path) -> None:
    """Enhance the video into a new folder."""
    call(sys.executable, "-m", "zerokd", "enhance", clip, "-o", folder, "--student", student, "--quiet")


def call(*words: object) -> None:
    """Run a program, which must succeed."""
    subprocess.run(list(map(str, words)), check=True)


def measure(run: Callable[..., None], *arguments: object) -> float:
    """The seconds that a call takes."""
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
