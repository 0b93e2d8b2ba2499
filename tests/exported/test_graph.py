"""A torch module as a graph."""

import pytest
import torch
from torch import Tensor, nn

from penchant.exported import graph
from penchant.exported.graph import Session, exported, require_onnx
from penchant.schema.errors import RecipeError


class Difference(nn.Module):
    def forward(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        one, other = tensors
        return one - other, one.sum(-1)


@pytest.mark.slow
def test_that_inputs_are_told_apart_also_when_the_example_is_one_tensor_twice() -> None:
    pytest.importorskip("onnxscript")
    example, free = torch.ones(2, 3), {0: "rows"}
    session = Session(exported(Difference(), [example, example], ["one", "other"], [free, free], ["less", "sum"]))
    assert session.inputs == {"one", "other"}
    one, other = torch.tensor([[1.0, 2, 3]]), torch.tensor([[0.5, 0, 1]])  # of one row, where the example has two
    less, total = session.run({"one": one.numpy(), "other": other.numpy(), "unread": other.numpy()})
    assert (less.tolist(), total.tolist()) == ([[0.5, 2, 2]], [6])


def test_that_absent_packages_are_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph.importlib.util, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(RecipeError, match=r"serving\.ranker 'onnx' must be installed .* no onnxscript. pip install 'penchant\[light\]'"):
        require_onnx("serving.ranker 'onnx'")
    require_onnx("serving.ranker 'onnx'", ("onnxruntime",))
