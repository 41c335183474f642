"""A page that runs the student in the browser: photos never leave the machine."""

from __future__ import annotations

import sys
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import asdict, frozen
from PIL import Image

from zerokd import Model
from zerokd.data.rooms_and_streets import draw_sample_photos
from zerokd.errors import ExportError, OutputError, Problem
from zerokd.exporters.auto_exposure_code import list_constants
from zerokd.exporters.glsl_auto_exposure import (
    INPUT_TEXTURE,
    MAP_TEXTURE,
    STATE_VALUES,
    USER_VALUES,
    build_auto_exposure_passes,
)
from zerokd.exporters.glsl_code import build_passes
from zerokd.exporters.glsl_web import build_web_passes
from zerokd.exporters.metadata import describe_model
from zerokd.exporters.traced_program import UntraceableError, trace_model
from zerokd.models.auto_exposure import AutoExposure
from zerokd.pages.report import render_template
from zerokd.pages.run_record import to_data_uri
from zerokd.phases import phase
from zerokd.student.load import TrainedModel

HOST = "127.0.0.1"
SCENE_SIZE = 400  # side of the generated scenes
SCRIPTS = ("theme_script.html", "exposure_script.html", "demo_script.html")


@frozen
class Control:
    """A slider: a number that the shaders read by its name, from ``least`` to ``most``; ``value`` is as trained."""

    name: str
    least: float
    most: float
    value: float


STRENGTH = Control("strength", 0.0, 2.0, 1.0)


def build_demo_page(student: TrainedModel) -> str:
    """A page with the student as shaders and generated scenes; it refers to nothing outside itself.

    Raises:
        ExportError: shaders cannot express the model.
    """
    try:
        program = _describe_program(student.model)
    except UntraceableError as error:
        name = type(student.model).__name__
        raise ExportError(Problem(f"{name} cannot run in a page: {error}", hints=("use `zerokd enhance`",))) from error
    with phase("drawing scenes"):
        scenes = [{"name": name, "picture": picture} for name, picture in _draw_scenes()]
    words = describe_model(student.model, student.facts)
    return render_template(
        "demo.html",
        SCRIPTS,
        program=program | {"scenes": scenes},
        about=words,
        parameters=student.model.parameter_count(),
    )


@cache
def _draw_scenes() -> tuple[tuple[str, str], ...]:
    """Names and data URIs."""
    return tuple((name, to_data_uri(Image.fromarray(picture))) for name, picture in draw_sample_photos(SCENE_SIZE))


def _describe_program(model: Model) -> dict[str, Any]:
    """The passes and what they read: the texture of the photo, controls, and constants to measure the photo with."""
    if not isinstance(model, AutoExposure):
        program = trace_model(model)
        passes = build_web_passes(build_passes(program), {"strength": "float"})
        return {"passes": passes, "first": f"{program.low}_0", "controls": [asdict(STRENGTH)]}
    exposure, denoise = model.config.exposure, model.config.denoise
    controls = (STRENGTH, Control("exposure", 0.01, 0.99, exposure), Control("denoise", 0.0, 1.0, denoise))
    passes = build_web_passes(build_auto_exposure_passes(model), STATE_VALUES | USER_VALUES, (MAP_TEXTURE,))
    return {
        "passes": passes,
        "first": INPUT_TEXTURE,
        "controls": [asdict(control) for control in controls],
        "constants": list_constants(model),
    }


class DemoServer(ThreadingHTTPServer):
    """Serves one page to this machine only.

    Raises:
        OutputError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, content: str, port: int = 0):
        self.content = content.encode()
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            text = f"cannot serve at {HOST}:{port}: {getattr(error, 'strerror', None) or error}"
            raise OutputError(Problem(text, hints=("choose another --port, or 0 for any",))) from error

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what fails in a request, but not a browser that went away: that is its right."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: DemoServer

    def do_GET(self) -> None:
        is_page = self.path.partition("?")[0] == "/"
        content = self.server.content if is_page else b"not found\n"
        self.send_response(HTTPStatus.OK if is_page else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", "text/html; charset=utf-8" if is_page else "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: what somebody looks at is private."""
