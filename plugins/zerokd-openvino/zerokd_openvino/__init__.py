"""zerokd-openvino: a record of the exporter. This module imports nothing heavy."""

from zerokd import ExporterSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_exporters() -> list[ExporterSpec]:
    return [
        ExporterSpec(
            "openvino",
            target="zerokd_openvino.openvino_ir:OpenVino",
            summary="OpenVINO, for processors and graphics of Intel",
        )
    ]
