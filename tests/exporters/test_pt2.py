"""torch.export: a file that PyTorch runs by itself, at any size."""

import json
import subprocess
import sys

import numpy as np
import torch

from zerokd.exporters.pt2 import PT2_METADATA_FILE, Pt2
from zerokd.models.nano_dce import NanoDce


def test_it_runs_without_zerokd_and_says_what_it_is(tmp_path):
    model, path = NanoDce().eval(), tmp_path / "student.pt2"
    Pt2().write(model, path, {"recipe": "paper"})
    code = (
        "import sys, torch\n"
        f"found = {{{PT2_METADATA_FILE!r}: ''}}\n"
        "module = torch.export.load(sys.argv[1], extra_files=found).module()\n"
        "made = module(torch.full((1, 3, 5, 4), 0.25))['enhanced']\n"
        f"print(made.mean().item(), 'zerokd' in sys.modules, found[{PT2_METADATA_FILE!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, cwd=tmp_path)
    mean, ours, facts = done.stdout.split(maxsplit=2)
    with torch.no_grad():
        assert abs(float(mean) - model(torch.full((1, 3, 5, 4), 0.25))["enhanced"].mean().item()) < 1e-6
    assert ours == "False"
    assert "trained by paper" in json.loads(facts)["description"]


def test_any_size(tmp_path):
    model, path = NanoDce().eval(), tmp_path / "student.pt2"
    Pt2().write(model, path, {})
    run = Pt2().run(path)
    for shape in ((1, 3, 1, 1), (4, 3, 7, 50)):
        low = np.random.default_rng(0).random(shape, np.float32)
        with torch.no_grad():
            assert np.abs(run(low) - model(torch.from_numpy(low))["enhanced"].numpy()).max() <= 1e-5
