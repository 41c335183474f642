"""Built-in adapters: one file each, and its record here.

May import zerokd's public names.
"""

from zerokd import AdapterSpec, hookimpl


@hookimpl
def zerokd_adapters() -> list[AdapterSpec]:
    return [
        AdapterSpec(
            "adaptive_pool", target="zerokd.adapters.adaptive_pool:AdaptivePool", summary="to one height and width"
        ),
        AdapterSpec(
            "attention_map", target="zerokd.adapters.attention_map:AttentionMap", summary="to one map of activity"
        ),
        AdapterSpec("brighten", target="zerokd.adapters.brighten:Brighten", summary="to images under one tone curve"),
        AdapterSpec("gap", target="zerokd.adapters.gap:Gap", summary="to one channel, the mean of all"),
        AdapterSpec("gram", target="zerokd.adapters.gram:Gram", summary="to the products of channels"),
        AdapterSpec(
            "match_iterations",
            target="zerokd.adapters.match_iterations:MatchIterations",
            summary="curve maps to one number of curve iterations",
        ),
        AdapterSpec("normalize", target="zerokd.adapters.normalize:Normalize", summary="to mean 0 and variance 1"),
        AdapterSpec(
            "pairwise_similarity",
            target="zerokd.adapters.pairwise_similarity:PairwiseSimilarity",
            summary="to the similarities of regions",
        ),
        AdapterSpec(
            "project", target="zerokd.adapters.project:Project", summary="the student's channels to the teacher's"
        ),
        AdapterSpec("resize", target="zerokd.adapters.resize:Resize", summary="to the student's height and width"),
    ]
