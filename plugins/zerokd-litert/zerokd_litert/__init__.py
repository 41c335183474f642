"""zerokd-litert: a record of the exporter. This module imports nothing heavy."""

from zerokd import ExporterSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_exporters() -> list[ExporterSpec]:
    return [
        ExporterSpec(
            "litert", target="zerokd_litert.litert_file:LiteRt", summary="LiteRT (TensorFlow Lite), for phones"
        )
    ]
