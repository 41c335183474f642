"""zerokd-ncnn: a record of the exporter. This module imports nothing heavy."""

from zerokd import ExporterSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_exporters() -> list[ExporterSpec]:
    return [ExporterSpec("ncnn", target="zerokd_ncnn.ncnn_files:Ncnn", summary="ncnn, for phones")]
