"""zerokd-coreml: a record of the exporter. This module imports nothing heavy."""

from zerokd import ExporterSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_exporters() -> list[ExporterSpec]:
    return [ExporterSpec("coreml", target="zerokd_coreml.coreml_file:CoreMl", summary="Core ML, for systems of Apple")]
