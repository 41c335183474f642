"""A real player's renderer for tests of user shaders; they are skipped, with a reason, where there is none."""

import shutil
import subprocess

import numpy as np
import pytest

FFMPEG = shutil.which("ffmpeg")


def play(frames, shader=None):
    """The frames (N, H, W, 3), uint8, as libplacebo draws them with a user shader."""
    height, width = frames.shape[1:3]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgba"]
    options = "libplacebo=format=rgba:dithering=none" + (f":custom_shader_path={shader}" if shader else "")
    command = [FFMPEG, "-v", "error", "-init_hw_device", "vulkan", *raw, "-s", f"{width}x{height}", "-i", "-"]
    command += ["-vf", f"hwupload,{options},hwdownload,format=rgba", *raw, "-"]
    opaque = np.concatenate([frames, np.full((*frames.shape[:3], 1), 255, np.uint8)], axis=3)
    done = subprocess.run(command, input=opaque.tobytes(), capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr.decode()
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 4)[..., :3]


def find_reason():
    """Why there is no libplacebo here; None if there is one."""
    if FFMPEG is None:
        return "no ffmpeg"
    frames = np.full((1, 16, 16, 3), 90, np.uint8)
    try:
        return None if np.array_equal(play(frames), frames) else "libplacebo changes pixels by itself"
    except AssertionError as error:
        return f"ffmpeg has no libplacebo, or no Vulkan (apt-get install mesa-vulkan-drivers): {str(error)[:200]}"


@pytest.fixture(scope="session")
def libplacebo():
    """The function :func:`play`."""
    reason = find_reason()
    if reason:
        pytest.skip(reason)
    return play
