"""Real players for tests of user shaders; they are skipped, with a reason, where there is none.

ffmpeg draws with Vulkan, mpv with OpenGL.
"""

import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

FFMPEG = shutil.which("ffmpeg")
MPV = bool(shutil.which("mpv") and shutil.which("xvfb-run"))
SCREENSHOT = """\
mp.register_event("playback-restart", function()
    mp.commandv("screenshot-to-file", "drawn.png", "window")
    mp.commandv("quit")
end)
"""


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


def show_in_mpv(image, folder, shader=None):
    """The image (H, W, 3), uint8, in a window of its size, as mpv draws it with a user shader."""
    Image.fromarray(image).save(folder / "image.png")
    (folder / "screenshot.lua").write_text(SCREENSHOT)
    screen = ["xvfb-run", "-a", "-s", "-screen 0 800x600x24"]
    output = ["--vo=gpu-next", "--gpu-api=opengl", "--gpu-context=x11egl", "--gpu-sw=yes", "--dither-depth=no"]
    window = ["--no-config", "--no-border", "--osc=no", "--osd-level=0", "--image-display-duration=inf"]
    files = [*([f"--glsl-shader={shader}"] if shader else []), "--script=screenshot.lua", "image.png"]
    command = [*screen, "mpv", *output, *window, *files]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    assert (folder / "drawn.png").exists(), done.stdout + done.stderr
    with Image.open(folder / "drawn.png") as drawn:
        return np.asarray(drawn.convert("RGB"))


@pytest.fixture(scope="session")
def mpv(tmp_path_factory):
    """The function :func:`show_in_mpv`."""
    if not MPV:
        pytest.skip("no mpv, or no xvfb-run")
    image = np.full((300, 400, 3), 90, np.uint8)
    try:
        assert np.array_equal(show_in_mpv(image, tmp_path_factory.mktemp("mpv")), image)
    except AssertionError as error:
        pytest.skip(f"mpv does not draw an image as it is, with gpu-next and OpenGL: {str(error)[-200:]}")
    return show_in_mpv
