"""zerokd-piq: a record of each component. This module imports nothing heavy."""

from zerokd import LossSpec, hookimpl

ZEROKD_API = 1


@hookimpl
def zerokd_losses() -> list[LossSpec]:
    return [
        LossSpec("fsim", target="zerokd_piq.losses:Fsim", summary="one minus feature similarity"),
        LossSpec("gmsd", target="zerokd_piq.losses:Gmsd", summary="deviation of the similarity of gradients"),
        LossSpec("haarpsi", target="zerokd_piq.losses:Haarpsi", summary="one minus similarity of Haar wavelets"),
        LossSpec("mdsi", target="zerokd_piq.losses:Mdsi", summary="deviation of similarities of gradient and colour"),
        LossSpec("multi_scale_gmsd", target="zerokd_piq.losses:MultiScaleGmsd", summary="gmsd at four scales"),
        LossSpec("vif", target="zerokd_piq.losses:VifP", summary="one minus visual information fidelity"),
    ]
