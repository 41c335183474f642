"""Built-in models: one file each, and its record here.

May import zerokd's public names.
"""

from zerokd import ModelSpec, hookimpl


@hookimpl
def zerokd_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            "auto_exposure",
            target="zerokd.models.auto_exposure:AutoExposure",
            summary="exposes, lifts dark zones, smooths noise, 118 weights",
        ),
        ModelSpec("dncnn", target="zerokd.models.dncnn:DnCnn", summary="a plain denoiser of 3x3 convolutions"),
        ModelSpec(
            "exported_model",
            target="zerokd.models.exported_model:ExportedModel",
            summary="a frozen model from a file of torch.export",
        ),
        ModelSpec("nano_dce", target="zerokd.models.nano_dce:NanoDce", summary="three separable layers, 161 weights"),
        ModelSpec(
            "onnx_model",
            target="zerokd.models.onnx_model:OnnxModel",
            summary="a frozen model from an ONNX file",
        ),
        ModelSpec(
            "torchscript_model",
            target="zerokd.models.torchscript_model:TorchScriptModel",
            summary="a frozen model from a TorchScript file",
        ),
        ModelSpec("unet", target="zerokd.models.unet:UNet", summary="a small U-Net, which adds a change to the image"),
        ModelSpec("zero_dce", target="zerokd.models.zero_dce:ZeroDce", summary="Zero-DCE, 79,416 weights"),
        ModelSpec(
            "zero_dce_pp",
            target="zerokd.models.zero_dce_pp:ZeroDcePp",
            summary="Zero-DCE++, 10,561 weights",
            bundled="zerokd.assets:zero_dce_pp.safetensors",
        ),
    ]
