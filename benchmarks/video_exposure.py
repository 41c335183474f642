"""Exposure over time: generated videos whose light holds, fades, changes or cuts.

Each goes through a student that measures whole images, frame by frame and with states that follow, and through a
student that looks at local pixels only.

    python benchmarks/video_exposure.py [--student best] [--local fidelity] [--engine auto] [--speed]

The videos are 96x64 pixels at 25 frames a second, 8 bits, without a codec. ``--speed`` adds the time of a 1920x1080
frame.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import click
import numpy as np

from zerokd.data.dead_leaves import DeadLeaves
from zerokd.student.enhance.engines import Engine, choose_engine
from zerokd.student.enhance.frame_enhancer import StatefulEnhancer
from zerokd.student.enhance.jobs import enhance_pixels
from zerokd.student.location import resolve_student_file

RATE, WIDTH, HEIGHT = 25, 96, 64
LAMP_FRAMES = 16  # in which the lamp enters
CUT_FRAME, SWITCH_FRAME = 15, 10
NEAR = 13  # levels from the final brightness: 5% of the range


def create_scene(index: int, light: float = 1.0) -> np.ndarray:
    """A dark scene (H, W, 3) in levels, not rounded."""
    data = DeadLeaves(size=WIDTH, count=index + 1, darkness=(3.0, 4.0), lit=0.0)
    return light * data[index].permute(1, 2, 0).numpy()[:HEIGHT].astype(np.float64)


def create_static(deviation: float = 4.0) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    scene = create_scene(1)
    return [scene + generator.normal(0, deviation, scene.shape) for _ in range(3 * RATE)]


def create_fade(seconds: float) -> list[np.ndarray]:
    """Half a second of black, the fade, and a second of the scene."""
    frame_count, scene = round(seconds * RATE), create_scene(1)
    shares = [0.0] * (RATE // 2) + [k / frame_count for k in range(frame_count)] + [1.0] * RATE
    return [share * scene for share in shares]


def create_lamp(index: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """A lamp enters a room; and the pixels that it does not reach."""
    room = create_scene(index)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    frames = []
    for number in range(3 * RATE):
        middle = 4 * min(max(number - SWITCH_FRAME, 0), LAMP_FRAMES) - 28
        distance = np.hypot(rows - 24, columns - middle)
        frames.append(np.maximum(room, 255 * np.exp(-np.clip(distance - 10, 0, None) / 6)[..., None]))
    return frames, (frames[-1] - room).max(2) < 1


def create_cut(lights: tuple[float, float]) -> list[np.ndarray]:
    return [create_scene(4, lights[0])] * CUT_FRAME + [create_scene(1, lights[1])] * RATE


def create_switch(lights: tuple[float, float]) -> list[np.ndarray]:
    return [create_scene(1, lights[0])] * SWITCH_FRAME + [create_scene(1, lights[1])] * (6 * RATE)


def to_pixels(frame: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.clip(np.rint(frame), 0, 255).astype(np.uint8))


def play(engine: Engine, frames: Sequence[np.ndarray], over_time: bool = False, rate: float = RATE) -> list[np.ndarray]:
    """The enhanced frames, uint8."""
    images, states = [to_pixels(frame) for frame in frames], engine.states
    if not over_time or states is None:
        return [enhance_pixels(image, engine, 1.0, 1) for image in images]
    follower = StatefulEnhancer(states, lambda pixels, state: pixels).create_follower(images[0][..., 0].size)
    frame_states = [state for k, image in enumerate(images) for state in follower.push(k / rate, states.measure(image))]
    frame_states += follower.finish()
    return [
        engine.compute_image(image, states.apply(image, state, 1.0), 1)
        for image, state in zip(images, frame_states, strict=True)
    ]


def brightness(frames: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([frame.mean() for frame in frames])


def largest_step(results: Sequence[np.ndarray]) -> float:
    """The largest change of the mean from a frame to the next."""
    return float(np.abs(np.diff(brightness(results))).max())


def fade_error(results: Sequence[np.ndarray], frames: Sequence[np.ndarray], engine: Engine) -> float:
    """The largest difference of a frame's mean from the fade with the exposure of the brightest frame."""
    brightest = max(frames, key=np.mean)
    images, states = [to_pixels(frame) for frame in frames], engine.states
    if states is None:
        ideal = play(engine, frames)
    else:
        state = states.measure(to_pixels(brightest))
        ideal = [engine.compute_image(image, states.apply(image, state, 1.0), 1) for image in images]
    return float(np.abs(brightness(results) - brightness(ideal)).max())


def half_brightness_seconds(results: Sequence[np.ndarray]) -> float:
    """From the last black frame until half of the final brightness."""
    values = brightness(results)
    return float((np.argmax(values >= values[-1] / 2) - RATE // 2) / RATE)


def room_change(results: Sequence[np.ndarray], room: np.ndarray) -> float:
    """Of the brightness of a room, at the end from the beginning."""
    return float(results[-1][room].mean() - results[0][room].mean())


def adaptation_seconds(results: Sequence[np.ndarray]) -> float:
    """From the switch until the mean is near the final one."""
    values = brightness(results)
    return (
        float(np.flatnonzero(np.abs(values - values[-1]) > NEAR).max(initial=SWITCH_FRAME - 1) + 1 - SWITCH_FRAME)
        / RATE
    )


def cut_error(results: Sequence[np.ndarray], frames: Sequence[np.ndarray], engine: Engine) -> float:
    """The largest difference of a pixel from the first frame after a cut, measured by itself."""
    (alone,) = play(engine, [frames[CUT_FRAME]])
    return float(np.abs(results[CUT_FRAME].astype(int) - alone).max())


Rows = dict[str, tuple[Sequence[np.ndarray], Callable[[list[np.ndarray]], float]]]


def create_rows(engine: Engine) -> Rows:
    """The videos and what is measured on the results of an engine, by description."""
    static, (lamp, room) = create_static(), create_lamp()
    rows: Rows = {"static scene with noise: largest change of the mean, levels": (static, largest_step)}
    for seconds in (1, 3):
        fade = create_fade(seconds)
        error, error_back = (partial(fade_error, frames=frames, engine=engine) for frames in (fade, fade[::-1]))
        rows[f"fade from black in {seconds} s: seconds until half bright"] = (fade, half_brightness_seconds)
        rows[f"fade from black in {seconds} s: most off the fade, levels"] = (fade, error)
        rows[f"fade to black in {seconds} s: most off the fade, levels"] = (fade[::-1], error_back)
    rows["lamp enters: change of the room, levels"] = (lamp, partial(room_change, room=room))
    for name, lights in {"dark to bright": (0.3, 2.0), "bright to dark": (2.0, 0.3)}.items():
        cut = create_cut(lights)
        rows[f"cut from {name}: most off the frame alone, levels"] = (
            cut,
            partial(cut_error, frames=cut, engine=engine),
        )
    for name, lights in {"on": (0.4, 2.0), "off": (2.0, 0.4)}.items():
        rows[f"light switched {name}: seconds until adapted"] = (create_switch(lights), adaptation_seconds)
    return rows


def measure_speed(engine: Engine, rounds: int = 7) -> dict[str, float]:
    """The best times of the steps of a 1920x1080 frame in ms on a single thread."""
    image, states = np.random.default_rng(0).integers(0, 80, (1080, 1920, 3)).astype(np.uint8), engine.states
    if states is None:
        raise click.ClickException("this student has no state")
    measured = states.measure(image)
    steps = {
        "measure": lambda: states.measure(image),
        "follow": lambda: states.follow(measured, measured, measured, states.steadiness(measured, measured, 0.04)),
        "apply": lambda: engine.compute_image(image, states.apply(image, measured, 1.0), 1),
    }
    best = dict.fromkeys(steps, np.inf)
    for _ in range(rounds):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            best[name] = min(best[name], 1000 * (time.perf_counter() - started))
    return best


@click.command()
@click.option("--student", default="best", show_default=True)
@click.option("--local", default="fidelity", show_default=True, help="A student that looks at local pixels only.")
@click.option("--engine", default="auto", show_default=True)
@click.option("--speed", is_flag=True)
def main(student: str, local: str, engine: str, speed: bool) -> None:
    stateful, stateless = (choose_engine(resolve_student_file(name), engine, threads=1) for name in (student, local))
    click.echo(f"| | {student}, each frame by itself | {student}, over time | {local} |\n|---|---|---|---|")
    rows, other_rows = create_rows(stateful), create_rows(stateless)
    for name, (frames, measure) in rows.items():
        values = [measure(play(stateful, frames, over_time)) for over_time in (False, True)]
        values.append(other_rows[name][1](play(stateless, frames)))
        click.echo(f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} |")
    if speed:
        best = measure_speed(stateful)
        times = ", ".join(f"{name} {milliseconds:.2f}" for name, milliseconds in best.items())
        click.echo(f"1920x1080, ms: {times}; follow is {100 * best['follow'] / sum(best.values()):.2f}% of them")


if __name__ == "__main__":
    main()
