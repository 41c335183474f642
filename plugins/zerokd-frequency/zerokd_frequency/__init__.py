"""zerokd-frequency: a record of each component. This module imports nothing heavy."""

from zerokd import LossSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    return [
        LossSpec("edge", target="zerokd_frequency.edge:Edge", summary="edges by a blurred Laplacian"),
        LossSpec(
            "focal_frequency",
            target="zerokd_frequency.focal_frequency:FocalFrequency",
            summary="spectra, most where they differ most",
        ),
        LossSpec("fourier", target="zerokd_frequency.fourier:Fourier", summary="real and imaginary parts of spectra"),
        LossSpec(
            "fourier_magnitude",
            target="zerokd_frequency.fourier_magnitude:FourierMagnitude",
            summary="magnitudes of spectra",
        ),
        LossSpec("gradient", target="zerokd_frequency.gradient:Gradient", summary="differences of neighbouring pixels"),
        LossSpec("haar", target="zerokd_frequency.haar:Haar", summary="bands of a Haar wavelet transform"),
        LossSpec(
            "laplacian_pyramid",
            target="zerokd_frequency.laplacian_pyramid:LaplacianPyramid",
            summary="detail at several scales",
        ),
        LossSpec("ms_ssim", target="zerokd_frequency.ms_ssim:MsSsim", summary="structural similarity at scales"),
        LossSpec(
            "wasserstein",
            target="zerokd_frequency.wasserstein:Wasserstein",
            summary="distributions of brightness and colour",
        ),
    ]
