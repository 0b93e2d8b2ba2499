"""A torch module as an ONNX graph, and the session that computes it."""

import importlib.util
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from penchant.schema.errors import RecipeError

Array = NDArray[Any]
NEEDED = ("onnx", "onnxruntime", "onnxscript")


def require_onnx(thing: str, needed: Sequence[str] = NEEDED) -> None:
    """Refuse what needs ONNX where its packages are not installed.

    Args:
        thing: What asks for it, for the message ("serving.ranker 'onnx'").
        needed: Which packages; a graph that is made already needs the runtime alone.

    Raises:
        RecipeError: where one is absent.
    """
    absent = [name for name in needed if importlib.util.find_spec(name) is None]
    if absent:
        raise RecipeError(thing, must="installed with its extra", came=f"no {' and no '.join(absent)}", do="pip install 'penchant[light]'")


def exported(
    module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str], free: Sequence[Mapping[int, str]], outputs: Sequence[str]
) -> bytes:
    """The graph of a module that takes tensors and gives tensors.

    Args:
        module: In evaluation mode.
        inputs: Examples; a free axis must be at least 2 long, else it counts as fixed.
        names: Of the inputs.
        free: For each input, which of its axes may have any length from 1 on, by a name; lengths of one name are equal.
        outputs: Names of what it gives.

    Raises:
        Exception: of torch's own kinds, for a module whose steps depend on the values it reads.
    """
    lengths = {name: torch.export.Dim(name, min=1, max=2**20) for axes in free for name in axes.values()}
    shapes = tuple({axis: lengths[name] for axis, name in axes.items()} for axes in free)
    with _quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own future versions
        program = torch.onnx.export(
            module,
            tuple(example.clone() for example in inputs),  # of one tensor given twice only the first would be read
            dynamo=True,
            verbose=False,
            dynamic_shapes=(shapes,),
            input_names=list(names),
            output_names=list(outputs),
        )
    assert program is not None
    graph: bytes = program.model_proto.SerializeToString()
    return graph


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing but errors from the packages that make graphs: they tell of every node."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)


class Session:
    """Computes a graph, one call at a time, with as many threads as torch uses.

    Args:
        graph: As `exported` gives it.
    """

    def __init__(self, graph: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads would take the event loop's processor
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.size = len(graph)
        """Bytes of the graph."""
        self.inputs: frozenset[str] = frozenset(each.name for each in self._session.get_inputs())
        """What it reads; what the graph does not need is not among them."""

    def run(self, arrays: Mapping[str, Array]) -> list[Array]:
        """Its outputs; arrays that it does not read are passed over."""
        told = {name: np.ascontiguousarray(array) for name, array in arrays.items() if name in self.inputs}
        found: list[Array] = self._session.run(None, told)
        return found
