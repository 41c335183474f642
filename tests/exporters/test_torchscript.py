"""TorchScript: any size, with its description inside."""

import json
import warnings

import numpy as np
import torch

from zerokd.exporters.torchscript import TORCHSCRIPT_METADATA_FILE, TorchScript
from zerokd.models.nano_dce import NanoDce


def test_any_size_and_its_description(tmp_path):
    model, path = NanoDce().eval(), tmp_path / "student.pt"
    TorchScript().write(model, path, {"recipe": "paper"})
    run = TorchScript().run(path)
    for shape in ((1, 3, 1, 1), (2, 3, 9, 31)):
        low = np.random.default_rng(0).random(shape, np.float32)
        with torch.no_grad():
            assert np.abs(run(low) - model(torch.from_numpy(low))["enhanced"].numpy()).max() <= 1e-5
    found = {TORCHSCRIPT_METADATA_FILE: ""}
    with warnings.catch_warnings(action="ignore"):
        torch.jit.load(path, _extra_files=found)
    assert "trained by paper" in json.loads(found[TORCHSCRIPT_METADATA_FILE])["description"]
