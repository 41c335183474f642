"""Compilers: found by name, or told plainly."""

import numpy as np
import pytest

from zerokd.exporters import c_library


def test_CC_names_the_compiler(monkeypatch, tmp_path):  # noqa: N802
    monkeypatch.setenv("CC", "no-such-compiler --flag")
    assert c_library.find_compiler() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "mycc").write_text("#!/bin/sh\n")
    (tmp_path / "mycc").chmod(0o755)
    monkeypatch.setenv("CC", "mycc -m64")
    assert c_library.find_compiler() == ["mycc", "-m64"]


def test_without_one_there_is_a_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(c_library, "find_compiler", lambda: None)
    with pytest.raises(ValueError, match="no C compiler"):
        c_library.compile_header("", "student", tmp_path / "a.so")


@pytest.mark.skipif(c_library.find_compiler() is None, reason="no C compiler")
def test_what_it_refuses_is_told(tmp_path):
    with pytest.raises(ValueError, match="cannot compile"):
        c_library.compile_header("this is not C", "student", tmp_path / "a.so")


@pytest.mark.skipif(c_library.find_compiler() is None, reason="no C compiler")
def test_rows_get_the_image_its_size_and_its_layout(tmp_path):
    text = """#include <stddef.h>
    #include <stdint.h>
    typedef struct { ptrdiff_t pixel, row, plane; } layout;
    void x_u8_rows(const uint8_t *in, uint8_t *out, int w, int h, layout l, float s, int first, int last) {
        out[0] = in[1]; out[1] = w; out[2] = h; out[3] = l.pixel; out[4] = l.row; out[5] = l.plane;
        out[6] = 10 * s; out[7] = first; out[8] = last;
    }"""
    c_library.compile_header(text, "x", tmp_path / "x.so")
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    to = np.zeros_like(image)
    c_library.load_library(tmp_path / "x.so", "x")(image, 0.5)(to, 2, 3)
    assert to.ravel()[:9].tolist() == [1, 5, 4, 3, 15, 1, 5, 2, 3]
