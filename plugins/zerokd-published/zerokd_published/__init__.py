"""Networks and losses of published low-light methods: one file per component, and its record here."""

from zerokd import LossSpec, ModelSpec, hookimpl


@hookimpl
def zerokd_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            "lite_ie_like",
            target="zerokd_published.lite_ie_like:LiteIeLike",
            summary="two convolutions and an iterated curve, 58 weights",
        ),
        ModelSpec(
            "pairlie",
            target="zerokd_published.pairlie:PairLie",
            summary="projection, illumination and reflectance by three networks",
        ),
        ModelSpec(
            "ruas_like",
            target="zerokd_published.ruas_like:RuasLike",
            summary="an unrolled estimate of the illumination",
        ),
        ModelSpec(
            "sci",
            target="zerokd_published.sci:Sci",
            summary="a cascade of one illumination network, self-calibrated",
        ),
    ]


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    return [
        LossSpec(
            "illumination_prior",
            target="zerokd_published.illumination_prior:IlluminationPrior",
            summary="an illumination near the greatest colour of each pixel",
        ),
        LossSpec(
            "reflectance_ratio",
            target="zerokd_published.reflectance_ratio:ReflectanceRatio",
            summary="a reflectance that is the image divided by its illumination",
        ),
    ]
