"""The frozen sentence encoder with its products in 8 bits: smaller, faster, nearly the same vectors."""

from functools import cached_property
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from penchant.exported.graph import Session, exported, require_onnx
from penchant.exported.int8 import in_int8
from penchant.exported.kept import FORM, kept_graph
from penchant.features.language_model import LanguageModel


class Int8LanguageModel(LanguageModel):
    """A `LanguageModel` that ONNX Runtime computes: the same pieces, prefix, batches and pooling, from a graph exported once.

    The graph is kept in the cache folder by the weights' fingerprint, so that later runs load neither torch's network nor its weights.
    The precision does not matter. A text has the same vector, bit for bit, alone and among others; it is told apart from the full
    encoder's in the cache.

    Raises:
        RecipeError: on first use, when no such model is found or onnx, onnxruntime or onnxscript is not installed.
    """

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        """Tokenizer, and the graph in the network's place."""
        require_onnx("text engine 'onnx_int8'", ("onnxruntime",))
        from transformers import AutoConfig, AutoTokenizer

        source = self._checked()
        graph = kept_graph(self.cache / "graphs", f"{self._fingerprint}:int8", self._graph)
        return AutoTokenizer.from_pretrained(source, use_fast=True), _Computed(graph, AutoConfig.from_pretrained(source))

    @cached_property
    def _fingerprint(self) -> str:
        full = LanguageModel(self.name, self.cache, prefix=self.prefix, precision="float32", maximum_pieces=self.maximum_pieces)
        return f"{full._fingerprint}:onnx_int8:{FORM}"

    def _graph(self) -> bytes:
        require_onnx("text engine 'onnx_int8'")
        _, network = LanguageModel(self.name, self.cache, precision="float32")._parts
        example = torch.ones(2, 8, dtype=torch.int64)
        free = {0: "texts", 1: "tokens"}
        return in_int8(exported(_Hidden(network), [example, example], ["input_ids", "attention_mask"], [free, free], ["hidden"]))


class _Hidden(nn.Module):
    """A network's last hidden states alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *tensors: Tensor) -> Tensor:
        tokens, mask = tensors
        hidden: Tensor = self.network(input_ids=tokens, attention_mask=mask).last_hidden_state
        return hidden


class _Computed:
    """The graph behind the face that the encoder's network has."""

    def __init__(self, graph: bytes, config: Any) -> None:
        self.config, self._session = config, Session(graph)

    def __call__(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        (hidden,) = self._session.run({"input_ids": input_ids.numpy(), "attention_mask": attention_mask.numpy()})
        return SimpleNamespace(last_hidden_state=torch.from_numpy(hidden))
