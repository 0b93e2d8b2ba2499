"""Products and tables in 8 bits, against the same rounding written in numpy."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.exported.graph import Session
from penchant.exported.int8 import in_int8

onnx: Any = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
RANDOM = np.random.default_rng(0)


def graph(nodes: list[Any], inputs: dict[str, Any], constants: dict[str, NDArray[Any]]) -> bytes:
    """A graph from inputs `{name: (type, shape)}` to "y"."""
    told = [onnx.helper.make_tensor_value_info(name, *each) for name, each in inputs.items()]
    kept = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    made = onnx.helper.make_graph(nodes, "graph", told, [onnx.helper.make_tensor_value_info("y", 1, None)], kept)
    model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    result: bytes = model.SerializeToString()
    return result


def rounded(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """Each row or column in 127 steps of its own to either side."""
    step = np.abs(values).max(axis=axis, keepdims=True) / 127
    return np.round(values / step) * step


def product(weights: NDArray[np.float32]) -> bytes:
    node = onnx.helper.make_node("MatMul", ["x", "weights"], ["y"])
    return graph([node], {"x": (1, ["a", "b", weights.shape[-2]])}, {"weights": weights})


def test_that_a_product_is_that_of_rounded_rows_and_columns() -> None:
    weights = RANDOM.normal(size=(160, 96)).astype(np.float32)
    values = RANDOM.normal(size=(2, 5, 160)).astype(np.float32)
    values[0, 0] *= 100  # a row of another size does not make the others coarse
    (found,) = Session(in_int8(product(weights))).run({"x": values})
    np.testing.assert_allclose(found, rounded(values, -1) @ rounded(weights, 0), rtol=1e-4, atol=1e-3)
    assert np.abs(found[1] - values[1] @ weights).max() > 1e-3  # it is in 8 bits indeed


def test_that_a_row_is_the_same_bit_for_bit_alone_and_among_others() -> None:
    weights = RANDOM.normal(size=(160, 96)).astype(np.float32)
    values = RANDOM.normal(size=(3, 4, 160)).astype(np.float32) * np.array([1, 50, 0.01], dtype=np.float32)[:, None, None]
    session = Session(in_int8(product(weights)))
    (together,) = session.run({"x": values})
    for place in range(3):
        assert np.array_equal(session.run({"x": values[place : place + 1, :1]})[0][0], together[place, :1])


def test_that_rows_of_zeros_give_zeros() -> None:
    (found,) = Session(in_int8(product(RANDOM.normal(size=(160, 96)).astype(np.float32)))).run({"x": np.zeros((1, 2, 160), np.float32)})
    assert not found.any()


def test_that_a_linear_layer_keeps_its_bias_turned_or_not() -> None:
    weights, bias = RANDOM.normal(size=(96, 160)).astype(np.float32), RANDOM.normal(size=96).astype(np.float32)
    node = onnx.helper.make_node("Gemm", ["x", "weights", "bias"], ["y"], transB=1)
    values = RANDOM.normal(size=(7, 160)).astype(np.float32)
    small = in_int8(graph([node], {"x": (1, ["a", 160])}, {"weights": weights, "bias": bias}))
    assert "Gemm" not in [node.op_type for node in onnx.load_model_from_string(small).graph.node]
    (found,) = Session(small).run({"x": values})
    np.testing.assert_allclose(found, rounded(values, -1) @ rounded(weights, 1).T + bias, rtol=1e-4, atol=1e-3)


def test_that_several_matrices_side_by_side_are_multiplied_each_by_its_own() -> None:
    weights = RANDOM.normal(size=(3, 80, 60)).astype(np.float32)
    values = RANDOM.normal(size=(3, 5, 80)).astype(np.float32)
    (found,) = Session(in_int8(product(weights))).run({"x": values})
    np.testing.assert_allclose(found, rounded(values, -1) @ rounded(weights, -2), rtol=1e-4, atol=1e-3)


def test_that_a_large_table_is_kept_in_a_quarter_of_the_room() -> None:
    table = RANDOM.normal(size=(2000, 32)).astype(np.float32)
    node = onnx.helper.make_node("Gather", ["table", "x"], ["y"])
    whole = graph([node], {"x": (7, ["a"])}, {"table": table})
    small = in_int8(whole)
    assert len(small) < 0.35 * len(whole)
    places = np.array([3, 0, 1999])
    np.testing.assert_allclose(Session(small).run({"x": places})[0], rounded(table, 1)[places], rtol=1e-5, atol=1e-6)


def test_that_small_matrices_stay_as_they_are() -> None:
    weights = RANDOM.normal(size=(8, 8)).astype(np.float32)
    values = RANDOM.normal(size=(1, 2, 8)).astype(np.float32)
    np.testing.assert_allclose(Session(in_int8(product(weights))).run({"x": values})[0], values @ weights, rtol=1e-5, atol=1e-5)
