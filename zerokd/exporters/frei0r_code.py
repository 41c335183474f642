"""C code of a frei0r filter around the header of a student."""

from __future__ import annotations

from importlib.resources import files
from string import Template

from attrs import frozen

from zerokd import Model, __version__
from zerokd.exporters.c_auto_exposure import generate_auto_exposure_header
from zerokd.exporters.c_code import generate_header
from zerokd.exporters.c_library import COMPILER_FLAGS, NATIVE_FLAG
from zerokd.exporters.traced_program import trace_model
from zerokd.models.auto_exposure import AutoExposure

NOTES = """\
 * ffmpeg takes parameters in their order, frei0r=$name:1|0.6; melt takes -filter frei0r.$name strength=0.8."""
STATE_NOTES = """
 *
 * The exposure follows over time. It starts anew at a cut, after black, after a step of more than a second or back in
 * time, and in each instance: a host that spreads the frames of a clip over threads lets each follow by itself.
 *
 * frei0r has widths that are multiples of 8, and ffmpeg distorts others: -vf pad=ceil(iw/8)*8:ih,frei0r=$name,crop=...
 * For some widths it gives no time; such a video counts as one of $rate frames a second."""
STRENGTH_TEXT = "0: unchanged, 1: as trained"
STATE_FIELDS = """\
    double time;        /* of the last frame, as the host counts it */
    int has_frame, has_seconds, is_start;
    float seconds;      /* from the frame before to the last one */
    $STATE measured, state; /* of the last frame */
    $STATE before, earlier; /* the same of the frame before */"""
STATE_UPDATE = """
#define MAX_SECONDS 1.0             /* between two frames */
#define USUAL_SECONDS (1.0 / $rate) /* where a host gives no time */
#define MAX_TIME 1e15               /* ffmpeg loses the time of some widths, which then lies far beyond */

/* The specification has seconds, ffmpeg counts milliseconds. A step below 1 tells which: no host has 1000 frames a
   second. A host that draws a frame again gives its time again. */
static void advance(filter *self, double time) {
    const int has_time = time > -MAX_TIME && time < MAX_TIME;
    const double step = time - self->time;
    if (self->has_frame && has_time && step == 0.0) return;
    if (self->has_frame && has_time && step > 0.0 && step < 1.0) self->has_seconds = 1;
    const double seconds = !has_time ? USUAL_SECONDS : self->has_seconds ? step : step / 1000.0;
    const int is_next = self->has_frame && seconds > 0.0 && seconds <= MAX_SECONDS;
    self->is_start = !is_next || ${name}_is_black(&self->measured);
    self->seconds = is_next ? (float)seconds : 0.0f;
    self->before = self->measured;
    self->earlier = self->state;
    self->time = time;
}

void f0r_update(f0r_instance_t instance, double time, const uint32_t *in, uint32_t *out) {
    enum { STRENGTH, EXPOSURE, DENOISE };
    filter *const self = (filter *)instance;
    const ${name}_layout layout = ${name}_interleaved(self->width, 4);
    const float exposure = (float)self->values[EXPOSURE], denoise = (float)self->values[DENOISE];
    memcpy(out, in, (size_t)self->width * (size_t)self->height * 4);
    advance(self, time);
    if (${name}_measure(in, ${name}_is_u8, self->width, self->height, layout, exposure, &self->measured)) return;
    self->state = self->earlier;
    ${name}_follow(&self->state, self->is_start ? NULL : &self->before, &self->measured, self->seconds);
    self->has_frame = 1;
    ${name}_apply(in, out, ${name}_is_u8, self->width, self->height, layout, &self->state, denoise,
                  (float)self->values[STRENGTH], 0, self->height);
}
"""
LOCAL_UPDATE = """
void f0r_update(f0r_instance_t instance, double time, const uint32_t *in, uint32_t *out) {
    const filter *const self = (const filter *)instance;
    (void)time;
    memcpy(out, in, (size_t)self->width * (size_t)self->height * 4);
    ${name}_u8((const uint8_t *)in, (uint8_t *)out, self->width, self->height, ${name}_interleaved(self->width, 4),
               $strength);
}
"""


@frozen
class FilterParameter:
    """A number between 0 and ``most`` that a host may set."""

    name: str
    value: float
    most: float
    explanation: str


def generate_filter(model: Model, name: str, description: str, frame_rate: float) -> str:
    """A C99 source; ``name`` prefixes what the header defines, ``description`` goes into the first comment.

    ``frame_rate`` is assumed where a host gives no time.

    Raises:
        UntraceableError: there is no C code for the model.
    """
    if isinstance(model, AutoExposure):
        header, update = generate_auto_exposure_header(model, name, description), STATE_UPDATE
        fields, notes = STATE_FIELDS.replace("$STATE", f"{name}_state"), NOTES + STATE_NOTES
        parameters = [
            FilterParameter("strength", 1.0, 2.0, STRENGTH_TEXT),
            FilterParameter("exposure", model.config.exposure, 1.0, "mean of the brightest channel of bright video"),
            FilterParameter("denoise", model.config.denoise, 1.0, "share of smoothing, 0: none"),
        ]
    else:
        program = trace_model(model)
        header, update, fields, notes = generate_header(program, name, description), LOCAL_UPDATE, "", NOTES
        parameters = [FilterParameter("strength", 1.0, 2.0, STRENGTH_TEXT)] if program.scales_curve_map else []
    major, minor = __version__.split(".")[:2]
    text = files("zerokd.exporters").joinpath("frei0r.txt").read_text(encoding="utf-8")
    filled = Template(text).safe_substitute(
        about=description.replace("*/", "* /"),
        flags=" ".join((*COMPILER_FLAGS, NATIVE_FLAG)),
        notes=notes,
        header=header.rstrip("\n"),
        parameters="\n".join(_declare_parameter(parameter) for parameter in parameters),
        fields=fields,
        major=major,
        minor=minor,
        update=Template(update).safe_substitute(strength="(float)self->values[0]" if parameters else "1.0f"),
    )
    return Template(filled).safe_substitute(name=name, NAME=name.upper(), rate=repr(frame_rate))


def _declare_parameter(parameter: FilterParameter) -> str:
    return f'    {{"{parameter.name}", "{parameter.explanation}", {parameter.value!r}, {parameter.most!r}}},'
