"""The stored format loses nothing that the encoder can hold, and names the rest."""

from fractions import Fraction

import pytest

from tests.student.enhance.video.clip import scene
from zerokd.student.enhance.video.frames import BT601, BT709
from zerokd.student.enhance.video.storage import choose_format

av = pytest.importorskip("av")


def make_frame(pixel_format, size=(96, 64), **properties):
    frame = av.VideoFrame.from_ndarray(scene(size=size), format="rgb24").reformat(format=pixel_format)
    for name, value in properties.items():
        setattr(frame, name, value)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return frame


@pytest.mark.parametrize(
    ("suffix", "source", "target", "losses"),
    [
        (".mp4", "yuv420p", "yuv420p", ()),
        (".mp4", "yuvj422p", "yuv422p", ()),
        (".mp4", "yuv444p", "yuv444p", ()),
        (".mp4", "gray", "yuv420p", ()),
        (".mp4", "rgb24", "yuv444p", ()),
        (".mp4", "nv12", "yuv420p", ()),
        (".mp4", "yuv420p10le", "yuv420p10le", ()),
        (".mkv", "yuv422p12le", "yuv422p12le", ()),
        (".mkv", "yuv420p16le", "yuv420p12le", ("16 bits became 12",)),
        (".mp4", "yuva420p", "yuv420p", ("MP4 has no alpha: composited over black",)),
        (".webm", "yuva420p", "yuva420p", ()),
        (".webm", "rgba", "yuva420p", ("colours at a lower resolution",)),  # the one format of alpha that works
        (".webm", "yuv420p10le", "yuv420p10le", ()),
        (".webm", "yuv422p10le", "yuv420p10le", ("colours at a lower resolution",)),
        (".webm", "yuva420p10le", "yuva420p", ("10 bits became 8",)),
        (".mkv", "yuva420p10le", "yuva420p10le", ()),
        (".mov", "yuva420p", "yuva444p10le", ()),
        (".mov", "rgba", "yuva444p10le", ()),
        (".avi", "rgba", "yuva444p", ()),
        (".avi", "yuv422p", "yuv420p", ("colours at a lower resolution",)),
        (".avi", "yuv420p10le", "yuv420p", ("10 bits became 8",)),
    ],
)
def test_the_pixel_format_holds_what_the_frames_have(suffix, source, target, losses):
    chosen = choose_format(suffix, make_frame(source), is_interlaced=False)
    assert (chosen.encoding.pixel_format, chosen.losses) == (target, losses)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_odd_sides_have_colours_at_full_resolution(suffix):
    assert choose_format(suffix, make_frame("yuv444p", (95, 63)), False).encoding.pixel_format == "yuv444p"


def test_matrix_and_range_stay_where_they_can_be_stated():
    frame = make_frame("yuv420p", colorspace=9, color_range=2)
    assert choose_format(".mp4", frame, False).encoding.matrix == 9
    assert choose_format(".mp4", frame, False).encoding.has_full_range
    assert choose_format(".avi", frame, False).encoding.matrix == BT601
    assert not choose_format(".avi", frame, False).encoding.has_full_range
    assert choose_format(".mp4", make_frame("gbrp"), False).encoding.matrix == BT709
