"""GLSL shader for video players; the same passes run in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
from pydantic import Field

import zerokd
from zerokd import Exporter, Model
from zerokd.exporters.glsl_code import ShaderPass, build_passes
from zerokd.exporters.glsl_interpreter import run_passes
from zerokd.exporters.glsl_player import generate_player_shader, is_player_shader, run_player_shader
from zerokd.exporters.metadata import describe_model
from zerokd.exporters.traced_program import trace_model
from zerokd.models.auto_exposure import AutoExposure

HOOK_POINT = "MAIN"  # after conversion to RGB, before scaling
INPUT_TEXTURE = "HOOKED"
INSIDE_FUNCTION = """\
float inside(vec2 p) {
    return p.x > 0.0 && p.y > 0.0 && p.x < 1.0 && p.y < 1.0 ? 1.0 : 0.0;
}
"""


@final
class Glsl(Exporter):
    """Writes ``student.glsl``, a user shader for mpv and libplacebo: ``mpv --glsl-shader=student.glsl video.mkv``.

    To check the file, zerokd runs its statements on arrays. Players keep intermediate textures in 16-bit floats; there
    an image may differ by a level of 255.
    ``auto_exposure`` needs libplacebo, in mpv ``--vo=gpu-next``. Compute shaders measure each frame, in levels of 8
    bits, and its state follows over time as in ``zerokd enhance``, anew at a cut. The check runs the passes that
    compute pixels, with a state that PyTorch measures, and not the compute shaders; zerokd's own tests run the whole
    file in libplacebo.
    Source: the hook syntax of mpv's user shaders, and buffers of libplacebo's.
    Pitfalls: it works on encoded values, and no student was trained on those of HDR video. ``auto_exposure``, and
    models of 1x1 and 3x3 convolutions and pointwise arithmetic. A shader does not know the time: each drawn frame,
    repeated ones too, counts as one of ``frame_rate``. The noise of frames above 33 megapixels is measured in their
    upper part.
    """

    class Config(zerokd.Config):
        strength: float = Field(1.0, ge=0.0, le=2.0, description="0: the video unchanged, 1: the student as trained")
        frame_rate: float = Field(
            30.0,
            gt=0.0,
            le=1000.0,
            description="frames in a second, for auto_exposure, whose exposure follows over time",
        )

    suffix = ".glsl"

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        title = f"// {describe_model(model, facts)}\n\n"
        if isinstance(model, AutoExposure):
            path.write_text(
                title + generate_player_shader(model, self.config.strength, self.config.frame_rate), encoding="utf-8"
            )
            return
        program = trace_model(model)
        passes = build_passes(program)
        input_name = f"{program.low}_0"
        strength = f"const float strength = {self.config.strength!r};\n"
        blocks = [_generate_block(passes, number, input_name, strength) for number in range(len(passes))]
        path.write_text(title + "\n".join(blocks), encoding="utf-8")

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        text = path.read_text(encoding="utf-8")
        if is_player_shader(text):
            return lambda low: np.stack([run_player_shader(text, image) for image in low])
        passes, input_name, strength = parse_shader(text)
        return lambda low: np.stack([run_passes(passes, image, input_name, {"strength": strength}) for image in low])


def _generate_block(passes: tuple[ShaderPass, ...], number: int, input_name: str, strength: str) -> str:
    shader_pass, is_last = passes[number], number == len(passes) - 1
    lines = [f"//!DESC zerokd {number + 1}/{len(passes)}", f"//!HOOK {HOOK_POINT}", f"//!BIND {INPUT_TEXTURE}"]
    lines += [f"//!BIND {_texture_name(name, input_name)}" for name in shader_pass.input_textures if name != input_name]
    lines += [] if is_last else [f"//!SAVE {_texture_name(shader_pass.output_texture, input_name)}", "//!COMPONENTS 4"]
    lines += [_access_macro(name, _texture_name(name, input_name)) for name in shader_pass.input_textures]
    body = "".join(f"    {line}\n" for line in shader_pass.statements)
    return (
        "\n".join(lines) + f"\n{strength}{INSIDE_FUNCTION}vec4 hook() {{\n{body}    return {shader_pass.result};\n}}\n"
    )


def _texture_name(name: str, input_name: str) -> str:
    return INPUT_TEXTURE if name == input_name else f"ZEROKD_{name.upper()}"


def _access_macro(name: str, texture: str) -> str:
    offset = "vec2(float(x), float(y))"
    place = f"{texture}_pos + {offset} * {texture}_pt"
    return f"#define {name}(x, y) (inside({place}) * {texture}_texOff({offset}))"


def parse_shader(text: str) -> tuple[list[ShaderPass], str, float]:
    """The passes of a shader file, the name of their input texture, and the strength."""
    names: dict[str, str] = {}
    passes = []
    for block in text.split("//!DESC ")[1:]:
        names |= {texture: name for name, texture in re.findall(r"#define (\w+)\(x, y\) .*\* (\w+)_texOff", block)}
        input_textures = tuple(re.findall(r"#define (\w+)\(x, y\)", block))
        saved = re.search(r"//!SAVE ZEROKD_(\w+)", block)
        body = block.partition("vec4 hook() {\n")[2]
        statements = tuple(line.strip() for line in body.splitlines() if line.strip().startswith("vec4 "))
        result = body.partition("return ")[2].partition(";")[0]
        passes.append(ShaderPass(saved[1].lower() if saved else "result", input_textures, statements, result))
    strength = float(text.partition("const float strength = ")[2].partition(";")[0])
    return passes, names[INPUT_TEXTURE], strength
