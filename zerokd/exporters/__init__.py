"""Built-in exporters, one module each, and the code generators that they share.

They import the public names of ``zerokd``, ``zerokd.files`` and other plugin rooms.
"""

from zerokd import ExporterSpec, hookimpl


@hookimpl
def zerokd_exporters() -> list[ExporterSpec]:
    return [
        ExporterSpec("c", target="zerokd.exporters.c:C", summary="a header of C99, weights inside, no dependency"),
        ExporterSpec(
            "frei0r", target="zerokd.exporters.frei0r:Frei0r", summary="a filter for ffmpeg and Kdenlive, in C99"
        ),
        ExporterSpec("glsl", target="zerokd.exporters.glsl:Glsl", summary="a shader for video players"),
        ExporterSpec("onnx", target="zerokd.exporters.onnx:Onnx", summary="ONNX, any size; float, half or 8 bit"),
        ExporterSpec("pt2", target="zerokd.exporters.pt2:Pt2", summary="torch.export, for PyTorch without zerokd"),
        ExporterSpec(
            "torchscript", target="zerokd.exporters.torchscript:TorchScript", summary="TorchScript, for older LibTorch"
        ),
    ]
