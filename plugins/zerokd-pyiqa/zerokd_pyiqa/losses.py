"""Losses of pyiqa that need no weights, each from one declaration. pyiqa is imported when a loss is built."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

import zerokd
from zerokd import Port
from zerokd_pyiqa.network import import_pyiqa_network

PORTS = {
    "prediction": Port("the student's image", range=(0.0, 1.0), grad=True, default="student.enhanced", channels=3),
    "target": Port("what it should be", range=(0.0, 1.0), default="teacher.enhanced", like="prediction", channels=3),
}


class PyiqaNetwork(nn.Module):
    """A network of pyiqa of two images (N, 3, H, W), which returns (N,) in the precision of the prediction."""

    def __init__(self, name: str, module: str, class_name: str, **options: Any):
        super().__init__()
        self.network = import_pyiqa_network(name, module, class_name)(**options)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        values: Tensor = self.network(prediction, target)
        return values.to(prediction)


class NlpdNetwork(PyiqaNetwork):
    def __init__(self) -> None:
        super().__init__("nlpd", "pyiqa.archs.nlpd_arch", "NLPD", channels=1, test_y_channel=True)


class VsiNetwork(PyiqaNetwork):
    def __init__(self) -> None:
        super().__init__("vsi", "pyiqa.archs.vsi_arch", "VSI")


Nlpd = zerokd.wrap_loss(
    NlpdNetwork,
    name="Nlpd",
    ports=PORTS,
    about="Rewards the target's local contrast as an early stage of vision codes it: six scales, each divided by the "
    "contrast around.",
    formula="mean over scales of the root of the mean squared difference of both normalised Laplacian pyramids: "
    "``pyiqa.create_metric('nlpd')``",
    source="Laparra et al., Human Vision and Electronic Imaging 2016, by pyiqa 0.1.16.",
    pitfalls="brightness (luma) alone: it does not see colour. Equal images have no gradient: set `finite_gradient`.",
    reduces_batch=False,
    finite_gradient=True,
    min_size=33,
    best_on=("identical",),
    worsens_with=("noise", "blur", "darkening"),
    known_failures={
        "finite_gradients": "pyiqa 0.1.16 takes the root of an error of 0: the gradient of nlpd(x, x) is NaN",
        "compiles": "pyiqa 0.1.16 rotates its filters by torchvision, which reads NumPy arrays",
    },
)

Vsi = zerokd.wrap_loss(
    VsiNetwork,
    name="Vsi",
    ports=PORTS,
    about="Rewards the target's saliency, and its gradients and colours where an eye looks.",
    formula="``1 - pyiqa.create_metric('vsi')(prediction, target)``",
    source="Zhang et al., IEEE TIP 2014, by pyiqa 0.1.16.",
    pitfalls="saliency is computed at 256x256 pixels, whatever the size of the image, in float64.",
    as_loss="1 - value",
    reduces_batch=False,
    min_size=4,
    bounds=(0.0, 1.0),
    best_on=("identical",),
    worsens_with=("noise", "blur"),
)
