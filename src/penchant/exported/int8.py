"""A graph with its weights in 8 bits, and its products of whole numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 127
MIDDLE = 128
"""What 0 is among unsigned 8-bit numbers: processors multiply unsigned by signed ones fastest."""
LARGE = 10_000
"""Numbers of a matrix or table from which on 8 bits save more time and room than finding scales costs."""
TINY = 1e-12
FLOAT = 1
"""What a graph calls 32-bit numbers."""
RUNTIME = "com.microsoft"
"""Where ONNX Runtime's own operations are found."""


def in_int8(graph: bytes) -> bytes:
    """The same graph with every product by a constant matrix, and every large table, in 8 bits.

    A column of a matrix and a row of a table keep a scale of their own, and so does every row that is multiplied, found anew each time. So
    a row's result depends on no other row: the same alone and among others, which one scale for all rows (as usual in dynamic
    quantisation) would break. Scales by row and column: Dettmers et al. 2022, "LLM.int8()", section 2.1, vector-wise quantisation.
    """
    import onnx

    model = onnx.load_model_from_string(graph)
    _Rewriting(model.graph).rewrite()
    if all(each.domain != RUNTIME for each in model.opset_import):
        model.opset_import.append(onnx.helper.make_opsetid(RUNTIME, 1))
    quantised: bytes = model.SerializeToString()
    return quantised


class _Rewriting:
    """Replaces nodes of one graph, in place."""

    def __init__(self, graph: Any) -> None:
        from onnx import helper, numpy_helper

        self._make, self._read, self._write = helper.make_node, numpy_helper.to_array, numpy_helper.from_array
        self.graph = graph
        self.constants = {each.name: each for each in graph.initializer}
        self.nodes: list[Any] = []
        self.added: dict[str, Any] = {}
        self.rows: set[str] = set()

    def rewrite(self) -> None:
        """Replace what can be, and drop constants that nothing reads any more."""
        for node in self.graph.node:
            self._replace(node)
        used = {name for node in self.nodes for name in node.input} | {each.name for each in self.graph.output}
        kept = [each for name, each in self.constants.items() if name in used]
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(self.nodes)
        self.graph.initializer.extend([*kept, *self.added.values()])
        del self.graph.value_info[:]  # what was known of values that are no more

    def _replace(self, node: Any) -> None:
        if node.op_type == "MatMul" and (weights := self._matrix(node.input[1], (2, 3, 4, 5))) is not None:
            self._product(node.input[0], node.input[1], weights, node.output[0])
        elif node.op_type == "Gemm" and self._is_linear(node):
            weights = self._matrix(node.input[1])
            assert weights is not None
            turned = any(each.name == "transB" and each.i for each in node.attribute)
            product = f"{node.output[0]}.product" if len(node.input) > 2 else node.output[0]
            self._product(node.input[0], node.input[1], weights.T if turned else weights, product)
            if len(node.input) > 2:
                self._add("Add", [product, node.input[2]], node.output[0])
        elif node.op_type == "Gather" and self._axis(node) == 0 and (table := self._matrix(node.input[0])) is not None:
            self._look_up(node, table)
        else:
            self.nodes.append(node)

    def _matrix(self, name: str, dimensions: tuple[int, ...] = (2,)) -> NDArray[np.float32] | None:
        """A large constant `[..., in, out]` of one of these numbers of dimensions; None for anything else."""
        if name not in self.constants or len(self.constants[name].dims) not in dimensions:
            return None
        array: NDArray[Any] = self._read(self.constants[name])
        return array if array.dtype == np.float32 and array.size >= LARGE else None

    def _is_linear(self, node: Any) -> bool:
        """Whether it is a product by a constant matrix, perhaps turned, and nothing else."""
        told = {each.name: each.i if each.name.startswith("trans") else each.f for each in node.attribute}
        plain = not told.get("transA", 0) and told.get("alpha", 1.0) == 1.0 and told.get("beta", 1.0) == 1.0
        return plain and self._matrix(node.input[1]) is not None

    @staticmethod
    def _axis(node: Any) -> int:
        return next((each.i for each in node.attribute if each.name == "axis"), 0)

    def _product(self, values: str, name: str, weights: NDArray[np.float32], to: str) -> None:
        """`values` `[..., in]` times weights `[..., in, out]`: each row to whole numbers, the product, and both scales back."""
        if f"{name}.whole" not in self.added:
            scale = np.maximum(np.abs(weights).max(axis=-2, keepdims=True), TINY) / LARGEST
            self._keep(f"{name}.whole", np.round(weights / scale).astype(np.int8))
            self._keep(f"{name}.scale", scale[0] if weights.ndim == 2 else scale)
        if values not in self.rows:
            self._in_whole_numbers(values)
        middle, one = self._keep("middle", np.array(MIDDLE, dtype=np.uint8)), self._keep("one", np.float32(1))
        operands = [f"{values}.whole", f"{name}.whole"]
        if weights.ndim == 2:
            self._add("MatMulIntegerToFloat", [*operands, one, f"{name}.scale", middle], f"{to}.by_column", domain=RUNTIME)
        else:
            self._add("MatMulInteger", [*operands, middle], f"{to}.sum")
            self._add("Cast", [f"{to}.sum"], f"{to}.float", to=FLOAT)
            self._add("Mul", [f"{to}.float", f"{name}.scale"], f"{to}.by_column")
        self._add("Mul", [f"{to}.by_column", f"{values}.step"], to)

    def _in_whole_numbers(self, values: str) -> None:
        """`values.whole`, 127 steps at most from the middle, and `values.step` `[..., 1]`, how much one of them is."""
        self.rows.add(values)
        all_rows, as_before = self._keep("all_rows", np.array([-1], dtype=np.int64)), f"{values}.shape"
        last = self._keep("last_axis", np.array([-1], dtype=np.int64))
        self._add("Abs", [values], f"{values}.size")
        self._add("ReduceMax", [f"{values}.size", last], f"{values}.most", keepdims=1)
        self._add("Mul", [f"{values}.most", self._keep("one_step", np.float32(1 / LARGEST))], f"{values}.small_step")
        self._add("Max", [f"{values}.small_step", self._keep("tiny", np.float32(TINY))], f"{values}.step")
        self._add("Shape", [values], as_before)
        self._add("Reshape", [f"{values}.step", all_rows], f"{values}.steps")
        self._add("Shape", [f"{values}.steps"], f"{values}.rows")
        self._add(
            "ConstantOfShape", [f"{values}.rows"], f"{values}.middles", value=self._write(np.array([MIDDLE], dtype=np.uint8), "middle")
        )
        self._add("Shape", [values], f"{values}.width", start=-1)
        self._add("Concat", [all_rows, f"{values}.width"], f"{values}.flat_shape", axis=0)
        self._add("Reshape", [values, f"{values}.flat_shape"], f"{values}.flat")
        self._add("QuantizeLinear", [f"{values}.flat", f"{values}.steps", f"{values}.middles"], f"{values}.flat_whole", axis=0)
        self._add("Reshape", [f"{values}.flat_whole", as_before], f"{values}.whole")

    def _look_up(self, node: Any, table: NDArray[np.float32]) -> None:
        """Rows of a table kept in 8 bits, each with its scale."""
        name, places, to = node.input[0], node.input[1], node.output[0]
        if f"{name}.rows" not in self.added:
            scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), TINY) / LARGEST
            self._keep(f"{name}.rows", np.round(table / scale).astype(np.int8))
            self._keep(f"{name}.row_scales", scale.astype(np.float32))
        self._add("Gather", [f"{name}.rows", places], f"{to}.whole", axis=0)
        self._add("Gather", [f"{name}.row_scales", places], f"{to}.scale", axis=0)
        self._add("Cast", [f"{to}.whole"], f"{to}.float", to=FLOAT)
        self._add("Mul", [f"{to}.float", f"{to}.scale"], to)

    def _keep(self, name: str, array: Any) -> str:
        self.added.setdefault(name, self._write(np.asarray(array), name))
        return name

    def _add(self, operation: str, inputs: list[str], output: str, **told: Any) -> None:
        self.nodes.append(self._make(operation, inputs, [output], **told))
