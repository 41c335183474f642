"""zerokd-distill: a record of each component. This module imports nothing heavy."""

from zerokd import LossSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    return [
        LossSpec(
            "attention_transfer",
            target="zerokd_distill.attention_transfer:AttentionTransfer",
            summary="where a layer is active",
        ),
        LossSpec("fsp", target="zerokd_distill.fsp:Fsp", summary="the flow between two layers"),
        LossSpec(
            "kl_divergence",
            target="zerokd_distill.kl_divergence:KlDivergence",
            summary="softened distributions over channels or pixels",
        ),
        LossSpec(
            "relational_angle",
            target="zerokd_distill.relational_angle:RelationalAngle",
            summary="angles between the features of three regions",
        ),
        LossSpec(
            "relational_distance",
            target="zerokd_distill.relational_distance:RelationalDistance",
            summary="distances between the features of regions",
        ),
        LossSpec(
            "similarity_preserving",
            target="zerokd_distill.similarity_preserving:SimilarityPreserving",
            summary="similarities of the features of regions",
        ),
    ]
