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
        AdapterSpec("gap", target="zerokd.adapters.gap:Gap", summary="to one channel, the mean of all"),
        AdapterSpec(
            "match_iterations",
            target="zerokd.adapters.match_iterations:MatchIterations",
            summary="curve maps to one number of curve iterations",
        ),
    ]
