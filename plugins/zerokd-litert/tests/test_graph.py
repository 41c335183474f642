"""Tensors, operators and codes of a file, as LiteRT reads them."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from zerokd_litert.graph import Graph


def test_an_assembled_graph_adds_a_number_to_an_image():
    graph = Graph(schema)
    graph.add_buffer(b"")
    low, bright = graph.add_image("low", 2), graph.add_image("bright", 2)
    graph.add_operator("add", [low, graph.add_constant("number", np.full(1, 0.25))], bright)
    content = graph.assemble([low], [bright], {"description": "a test", "zerokd": "{}"})
    interpreter = Interpreter(model_content=content)
    interpreter.resize_tensor_input(low, (1, 3, 4, 2))
    interpreter.allocate_tensors()
    interpreter.set_tensor(low, np.full((1, 3, 4, 2), 0.5, np.float32))
    interpreter.invoke()
    assert np.array_equal(interpreter.get_tensor(bright), np.full((1, 3, 4, 2), 0.75, np.float32))


def test_the_size_of_an_image_is_found_once():
    graph = Graph(schema)
    graph.add_buffer(b"")
    image = graph.add_image("low", 3)
    assert graph.find_size(image) == graph.find_size(image)
    assert graph.codes == ["shape", "part"]
    assert len(graph.operators) == 2
