"""An exported file says what it is, in one line and as JSON."""

import json

from zerokd._version import __version__
from zerokd.exporters.metadata import build_metadata, describe_model, find_receptive_radius
from zerokd.models.nano_dce import NanoDce
from zerokd.models.zero_dce_pp import ZeroDcePp


def test_one_printable_line():
    line = describe_model(NanoDce(), {"recipe": "pa\nper\x1b[31m"})
    assert line == f"NanoDce, 161 parameters, trained by paper[31m; written by zerokd {__version__}"
    assert "an unnamed recipe" in describe_model(NanoDce(), {})


def test_provenance_and_what_is_needed_to_run_it_in_tiles():
    facts = json.loads(build_metadata(NanoDce().eval(), {"seed": 3, "stages": ["long"]})["zerokd"])
    assert facts == {"seed": 3, "reach": 3, "iterations": 4, "measures": False}


def test_the_reach_of_a_model_that_scales_is_not_known():
    assert find_receptive_radius(ZeroDcePp(width=4).eval()) == 7
    assert find_receptive_radius(ZeroDcePp(width=4, scale_factor=4).eval()) is None
