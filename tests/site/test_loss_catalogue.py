"""Every loss has its row: what it needs, a picture where there is one, its cost, and its bounds."""

import json
import re

import pytest

from tests.conftest import ROOT
from tools.site.loss_catalogue import COSTS_FILE, find_needs, losses_page
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.loading import load_component

CATALOGUE = discover_plugins()
BUILT_IN = [entry for entry in CATALOGUE.for_kind("losses") if entry.provider.builtin]


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("mse", "teacher or reference"),
        ("ssim", "teacher or reference"),
        ("contrastive", "teacher or reference"),
        ("feature_matching", "teacher"),
        ("discrimination", "reference"),
        ("adversarial", "reference"),
        ("color_constancy", "none"),
        ("spatial_consistency", "none"),
        ("parameter_norm", "none"),
    ],
)
def test_what_a_loss_needs_follows_from_its_ports(name, needs):
    assert find_needs(load_component(CATALOGUE.find("losses", name))) == needs


def test_every_loss_has_its_row_with_a_picture_a_cost_and_bounds():
    text = losses_page(BUILT_IN, ROOT)
    rows = {re.match(r"\| \[(\w+)\]", line)[1]: line for line in text.splitlines() if line.startswith("| [")}
    assert set(rows) == {entry.spec.name for entry in BUILT_IN}
    costs = json.loads((ROOT / COSTS_FILE).read_text())
    assert f"{costs['losses']['ssim']['microseconds']:,.0f} | {costs['losses']['ssim']['ratio']:.3g} |" in rows["ssim"]
    assert "[0, 2] | zerokd |" in rows["ssim"]
    assert "../pictures/losses/ssim.webp){ width=132" in rows["ssim"]
    assert "| no image |" in rows["parameter_norm"]
    assert costs["machine"] in text
    assert '<div class="filter"></div>' in text


def test_a_loss_that_was_not_measured_has_no_number(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / COSTS_FILE).write_text(json.dumps({"machine": "a machine", "pixels": 256, "losses": {}}))
    row = next(line for line in losses_page(BUILT_IN, tmp_path).splitlines() if line.startswith("| [mse]"))
    assert "| no image |" in row
    assert "|  |  | [0, inf) | zerokd |" in row


def test_every_loss_of_this_project_was_measured_and_the_pictures_are_small():
    costs = json.loads((ROOT / COSTS_FILE).read_text())["losses"]
    assert {entry.spec.name for entry in BUILT_IN} <= set(costs)
    assert all(cost["microseconds"] > 0 and cost["ratio"] > 0 for cost in costs.values())
    assert sum(path.stat().st_size for path in (ROOT / "docs/pictures/losses").iterdir()) < 2**20
