"""The layers in the file compute PyTorch's pixels, and the file says what it is."""

import json

import numpy as np
import pytest
import torch
from zerokd_coreml.coreml_file import FLOAT32, CoreMl

from zerokd.errors import ExportError
from zerokd.exporters.silence import silence_exporters
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.export import export_model
from zerokd.student.load import load_trained_model

with silence_exporters():
    from coremltools.proto import Model_pb2


@pytest.mark.parametrize("name", ["fidelity", "teacher"])
def test_students_of_the_package(tmp_path, name):
    trained = load_trained_model(name, discover_plugins())
    result = export_model(trained, CoreMl(), tmp_path / "student.mlmodel")
    assert result.max_difference <= 2e-6
    assert [path.name for path in tmp_path.iterdir()] == ["student.mlmodel"]


def read(path):
    spec = Model_pb2.Model()
    spec.ParseFromString(path.read_bytes())
    return spec


@pytest.fixture(scope="module")
def best():
    return load_trained_model("best", discover_plugins())


@pytest.fixture(scope="module")
def best_file(best, tmp_path_factory):
    path = tmp_path_factory.mktemp("best") / "student.mlmodel"
    CoreMl().write(best.model, path, best.facts)
    return path


def test_the_default_student(best, tmp_path):
    result = export_model(best, CoreMl(), tmp_path / "student.mlmodel")
    assert result.max_difference <= 1e-6
    assert [path.name for path in tmp_path.iterdir()] == ["student.mlmodel"]


def find_difference(best, path):
    """On a dark image, uneven up to its border, whose half is larger than the maps: those of the export are noise."""
    rows, columns = np.mgrid[0.02:0.1:180j, 0.5:1.5:300j]
    noise = np.random.default_rng(0).normal(0, 0.004, (1, 3, 180, 300))
    low = np.clip(rows * columns**2 + noise, 0, 1).astype(np.float32)
    with torch.no_grad():
        expected = best.model(torch.from_numpy(low))["enhanced"].numpy()
    return np.abs(CoreMl().run(path)(low) - expected).max()


def test_a_dark_image(best, best_file):
    assert find_difference(best, best_file) <= 5e-6


def test_structure_of_the_default_student(best, best_file):
    spec = read(best_file)
    low, *states = spec.description.input
    ranges = low.type.multiArrayType.shapeRange.sizeRanges
    assert [(size.lowerBound, size.upperBound) for size in ranges] == [(1, 1), (3, 3), (2, -1), (2, -1)]
    shapes = {state.name: list(state.type.multiArrayType.shape) for state in states}
    assert shapes == {"state": [1, 8, 1, 1], "slope": [1, 1, 64, 64], "offset": [1, 1, 64, 64]}
    assert {feature.type.multiArrayType.dataType for feature in (low, *states)} == {FLOAT32}
    known = {"low", *shapes}
    for layer in spec.neuralNetwork.layers:  # each reads what is computed before it
        assert set(layer.input) <= known
        assert layer.output[0] not in known
        known.add(layer.output[0])
    assert "enhanced" in known
    assert json.loads(spec.description.metadata.userDefined["zerokd"])["exposure"] == best.model.config.exposure


def move_up(layer):
    rows = layer.padding.paddingAmounts.borderAmounts[0]
    rows.startEdgeSize, rows.endEdgeSize = rows.startEdgeSize + 1, rows.endEdgeSize - 1


FAULTS = {  # the layers that are altered, and how
    "corners aligned": ("upsample", lambda layer: setattr(layer.upsample, "linearUpsampleMode", 1)),
    "the default places": ("upsample", lambda layer: setattr(layer.upsample, "linearUpsampleMode", 0)),
    "an image that moves up": ("padding", move_up),
    "pixels half a pixel on": ("rangeDynamic", lambda layer: setattr(layer.rangeDynamic, "startValue", 0.5)),
    "a map beyond its border": ("clip", lambda layer: setattr(layer.clip, "maxVal", 64.0)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_noticed(best, best_file, tmp_path, name):
    kind, plant = FAULTS[name]
    spec = read(best_file)
    for layer in spec.neuralNetwork.layers:
        if layer.WhichOneof("layer") == kind:
            plant(layer)
    (tmp_path / "student.mlmodel").write_bytes(spec.SerializeToString())
    assert find_difference(best, tmp_path / "student.mlmodel") > CoreMl.tolerance


def test_another_model_that_measures_the_whole_image_is_refused(tmp_path):
    trained = load_trained_model("fidelity", discover_plugins())
    trained.model.measure = lambda low: (low.mean((1, 2, 3)),)
    with pytest.raises(ExportError, match="it measures the whole image"):
        export_model(trained, CoreMl(), tmp_path / "student.mlmodel")
    assert not any(tmp_path.iterdir())


def test_structure(tmp_path):
    trained = load_trained_model("fidelity", discover_plugins())
    export_model(trained, CoreMl(), tmp_path / "student.mlmodel")
    spec = read(tmp_path / "student.mlmodel")
    (low,), (enhanced,) = spec.description.input, spec.description.output
    assert (low.name, enhanced.name) == ("low", "enhanced")
    ranges = low.type.multiArrayType.shapeRange.sizeRanges
    assert [(size.lowerBound, size.upperBound) for size in ranges] == [(1, -1), (3, 3), (1, -1), (1, -1)]
    layers = spec.neuralNetwork.layers
    assert {name for layer in layers for name in layer.input} <= {"low", *(layer.output[0] for layer in layers)}
    weights = [len(one.convolution.weights.floatValue) + len(one.convolution.bias.floatValue) for one in layers]
    assert sum(weights) == 161
    assert "161 parameters" in spec.description.metadata.shortDescription
    assert json.loads(spec.description.metadata.userDefined["zerokd"])["reach"] == 3


@pytest.mark.parametrize("name", ["fidelity", "best"])
def test_coremltools_reads_it_as_a_model(tmp_path, name):
    trained = load_trained_model(name, discover_plugins())
    CoreMl().write(trained.model, tmp_path / "student.mlmodel", trained.facts)
    with silence_exporters():
        import coremltools

        model = coremltools.models.MLModel(str(tmp_path / "student.mlmodel"), skip_model_load=True)
    assert model.get_spec().WhichOneof("Type") == "neuralNetwork"


def test_the_package_registers_its_exporter():
    assert discover_plugins().find("exporters", "coreml").provider.name == "zerokd-coreml"
