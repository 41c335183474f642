"""The layers in the file compute PyTorch's pixels, and the file says what it is."""

import json

import pytest
from zerokd_coreml.coreml_file import CoreMl

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


def test_a_model_that_measures_the_whole_image_is_refused(tmp_path):
    trained = load_trained_model("best", discover_plugins())
    with pytest.raises(ExportError, match="it measures the whole image"):
        export_model(trained, CoreMl(), tmp_path / "student.mlmodel")
    assert not any(tmp_path.iterdir())


def test_structure(tmp_path):
    trained = load_trained_model("fidelity", discover_plugins())
    export_model(trained, CoreMl(), tmp_path / "student.mlmodel")
    spec = Model_pb2.Model()
    spec.ParseFromString((tmp_path / "student.mlmodel").read_bytes())
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


def test_coremltools_reads_it_as_a_model(tmp_path):
    trained = load_trained_model("fidelity", discover_plugins())
    export_model(trained, CoreMl(), tmp_path / "student.mlmodel")
    with silence_exporters():
        import coremltools

        model = coremltools.models.MLModel(str(tmp_path / "student.mlmodel"), skip_model_load=True)
    assert model.get_spec().WhichOneof("Type") == "neuralNetwork"


def test_the_package_registers_its_exporter():
    assert discover_plugins().find("exporters", "coreml").provider.name == "zerokd-coreml"
