"""Losses of piq, each from one declaration. What piq's code cannot do is in ``known_failures``."""

from __future__ import annotations

import math

import piq

import zerokd
from zerokd import Port

READS_VALUES = "piq 0.8.0 reads values on the host, to check that they lie in the data range"
SYNC_FAILURES = dict.fromkeys(("no_host_sync", "moves", "compiles"), READS_VALUES)
FIXED = {"reduction": "none", "data_range": 1.0}
PORTS = {
    "prediction": Port("the student's image", range=(0.0, 1.0), grad=True, default="student.enhanced", channels=3),
    "target": Port("what it should be", range=(0.0, 1.0), default="teacher.enhanced", like="prediction", channels=3),
}

Gmsd = zerokd.wrap_loss(
    piq.gmsd,
    finite_gradient=True,
    ports=PORTS,
    about="Rewards the target's gradients, evenly: the deviation of their similarity over the image.",
    source="Xue et al., IEEE TIP 2014, by piq 0.8.0.",
    pitfalls="gradients of brightness alone: it hardly sees colour, and not a change of the whole image's brightness.",
    fixed=FIXED,
    reduces_batch=False,
    bounds=(0.0, 1.0),
    min_size=4,
    best_on=("identical",),
    worsens_with=("noise", "blur"),
    known_failures={
        **SYNC_FAILURES,
        "finite_gradients": "piq 0.8.0 takes the root of a deviation of 0: the gradient of gmsd(x, x) is NaN",
    },
)

MultiScaleGmsd = zerokd.wrap_loss(
    piq.multi_scale_gmsd,
    finite_gradient=True,
    ports=PORTS,
    about="Rewards the target's gradients at four scales.",
    source="Zhang et al., ICASSP 2017, by piq 0.8.0.",
    pitfalls="as `gmsd`; `chromatic` adds the colours.",
    fixed=FIXED,
    reduces_batch=False,
    min_size=17,
    best_on=("identical",),
    worsens_with=("noise", "blur"),
    known_failures={
        **SYNC_FAILURES,
        "finite_gradients": "piq 0.8.0 takes a root of 0: the gradient of multi_scale_gmsd(x, x) is NaN",
    },
)

Haarpsi = zerokd.wrap_loss(
    piq.haarpsi,
    ports=PORTS,
    about="Rewards the target's edges, weighted by where an eye looks.",
    source="Reisenhofer et al., Signal Processing: Image Communication 2018, by piq 0.8.0.",
    pitfalls="two black images have no value at all.",
    as_loss="1 - value",
    fixed=FIXED,
    reduces_batch=False,
    bounds=(0.0, 1.0),
    min_size=16,
    best_on=("identical",),
    worsens_with=("noise", "blur"),
    known_failures={
        **SYNC_FAILURES,
        "finite_values": "piq 0.8.0 divides by weights of 0: haarpsi(x, x) is inf for x = torch.zeros(1, 3, 64, 64)",
        "bounds": "piq 0.8.0 divides by weights of 0: the value of two black images is infinite",
        "finite_gradients": "piq 0.8.0 divides by weights of 0: the gradient of two black images is NaN",
    },
)

VifP = zerokd.wrap_loss(
    piq.vif_p,
    ports=PORTS,
    about="Rewards information about the target that an eye could read from the prediction.",
    source="Sheikh and Bovik, IEEE TIP 2006, in pixels, by piq 0.8.0.",
    pitfalls="more contrast than the target's gives values below 0: it has no least value.",
    as_loss="1 - value",
    fixed=FIXED,
    reduces_batch=False,
    bounds=(-math.inf, 1.0),
    min_size=41,
    known_failures=SYNC_FAILURES,
)

Fsim = zerokd.wrap_loss(
    piq.fsim,
    finite_gradient=True,
    ports=PORTS,
    about="Rewards the target's features: where phases agree, and gradients and colours there.",
    source="Zhang et al., IEEE TIP 2011, by piq 0.8.0.",
    pitfalls="it compares colours in every pixel, but brightness by its gradients alone.",
    as_loss="1 - value",
    fixed=FIXED,
    reduces_batch=False,
    bounds=(0.0, 1.0),
    min_size=16,
    best_on=("identical",),
    worsens_with=("noise", "blur"),
    known_failures={
        **SYNC_FAILURES,
        "finite_gradients": "piq 0.8.0 takes a root of 0: the gradient of fsim(x, x) is NaN for a black or grey x",
    },
)

Mdsi = zerokd.wrap_loss(
    piq.mdsi,
    finite_gradient=True,
    ports=PORTS,
    about="Rewards the target's gradients and colours, evenly: the deviation of their similarity.",
    source="Nafchi et al., IEEE Access 2016, by piq 0.8.0.",
    pitfalls="it is a deviation: a uniform error costs little.",
    fixed=FIXED,
    reduces_batch=False,
    min_size=4,
    best_on=("identical",),
    worsens_with=("noise", "blur"),
    known_failures={
        **SYNC_FAILURES,
        "finite_gradients": "piq 0.8.0 takes roots of 0: the gradient of mdsi(x, x) is NaN",
    },
)
