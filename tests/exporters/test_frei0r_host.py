"""The host of frei0r filters: what it refuses, and how it calls."""

import shutil

import numpy as np
import pytest

from zerokd.exporters.c_library import compile_source
from zerokd.exporters.frei0r_host import Frei0rFilter

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
SOURCE = """
#include <stdint.h>
#include <stdlib.h>
typedef struct { const char *name, *author; int type, model, version, major, minor, count; const char *text; } info;
typedef struct { const char *name; int type; const char *text; } parameter;
typedef struct { unsigned int width, height; double value; } instance;
int f0r_init(void) { return 1; }
void f0r_get_plugin_info(info *i) { i->name = "test"; i->type = 0; i->model = MODEL; i->version = 1; i->count = 1; }
void f0r_get_param_info(parameter *p, int index) { p->name = index ? "wrong" : "gain"; }
void *f0r_construct(unsigned int width, unsigned int height) {
    instance *const self = calloc(1, sizeof(instance));
    self->width = width;
    self->height = height;
    return self;
}
void f0r_destruct(void *self) { free(self); }
void f0r_set_param_value(void *self, void *value, int index) { ((instance *)self)->value = *(double *)value + index; }
void f0r_get_param_value(void *self, void *value, int index) { *(double *)value = ((instance *)self)->value + index; }
void f0r_update(void *self, double time, const uint8_t *in, uint8_t *out) {
    const instance *const i = self;
    for (unsigned int k = 0; k < 4 * i->width * i->height; k++) out[k] = in[k] + (int)time + (int)i->value;
}
"""


def test_calls_reach_the_filter(tmp_path):
    compile_source(SOURCE.replace("MODEL", "1"), tmp_path / "a.so")
    loaded = Frei0rFilter(tmp_path / "a.so")
    assert (loaded.name, loaded.parameters) == ("test", ["gain"])
    instance = loaded.open_instance(5, 3, {"gain": 7.0})
    assert instance.get_value(0) == 7.0
    image = np.arange(60, dtype=np.uint8).reshape(3, 5, 4)
    assert np.array_equal(instance(image, 2.0), image + 9)
    assert np.array_equal(instance(image[:, ::-1], 0.0), image[:, ::-1] + 7)
    with pytest.raises(ValueError, match="expected uint8"):
        instance(image[:2], 0.0)
    instance.close()


def test_what_is_no_filter_of_rgba_is_refused(tmp_path):
    compile_source(SOURCE.replace("MODEL", "0"), tmp_path / "bgra.so")
    with pytest.raises(ValueError, match="no frei0r filter of RGBA"):
        Frei0rFilter(tmp_path / "bgra.so")
    compile_source("int x;", tmp_path / "other.so")
    for name in ("other.so", "nothing.so"):
        with pytest.raises(ValueError, match="cannot load"):
            Frei0rFilter(tmp_path / name)
