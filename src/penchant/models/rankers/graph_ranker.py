"""The ranking path as a graph that ONNX Runtime computes: the same numbers in fewer steps, or nearly the same in 8 bits."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace

import torch
from torch import Tensor, nn

from penchant.exported.graph import Session, exported, require_onnx
from penchant.models.blocks.scenario.scenario import Scenario
from penchant.models.network import Encoding, Items, Network
from penchant.schema.errors import RecipeError

FREE = {"encoding.history": (1, "positions"), "encoding.age": (2, "positions")}
"""Axes that differ from request to request, beside the candidates'."""
NOT_READ = frozenset({"past", "repeats", "divergence"})
"""Parts of an encoding that retrieval or training reads, and ranking does not."""
CANDIDATES = 2
"""The axis of candidates."""


def graph_of(network: Network, encoding: Encoding, candidates: Items, standing: dict[str, Tensor]) -> bytes:
    """The graph of a network's ranking path, for one request with any number of candidates and of past events.

    Args:
        network: In evaluation mode.
        encoding, candidates, standing: An example of what `rank` takes, of one request and two candidates at least; no value matters.

    Raises:
        RecipeError: where the packages are absent, or a part of the network has steps that a graph cannot hold.
    """
    asked = "serving.ranker 'onnx'"
    require_onnx(asked)
    told = _told(_long(encoding), candidates, standing)
    path = _RankingPath(network, encoding, list(told))
    outputs = [f"output_{place}" for place in range(len(network.tasks))]
    try:
        return exported(path, list(told.values()), _inputs(told), [_free(name) for name in told], outputs)
    except Exception as error:
        came = f"one that torch cannot export ({type(error).__name__}: {str(error).splitlines()[0][:160]})"
        do = "Use serving.ranker = 'torch' or 'distilled', or other parts."
        raise RecipeError(asked, must="of a network whose ranking path can be exported", came=came, do=do) from None


class GraphRanker:
    """A `Ranker` over a network's exported ranking path. Requests are computed one by one, so that none depends on another.

    Args:
        network: Whose path it is; its weights are not read again.
        graph: What `graph_of` gave.
        encoding, candidates, standing: The example it was given.

    Raises:
        RecipeError: where ONNX Runtime is absent.
    """

    def __init__(self, network: Network, graph: bytes, encoding: Encoding, candidates: Items, standing: dict[str, Tensor]) -> None:
        require_onnx("serving.ranker 'onnx'", ("onnxruntime",))
        self.tasks, self.graph, self._session = list(network.tasks), graph, Session(graph)
        told = _told(encoding, candidates, standing)
        self._names = {name: own for name, own in zip(told, _inputs(told), strict=True) if own in self._session.inputs}

    def rank(self, encoding: Encoding, candidates: Items, standing: dict[str, Tensor]) -> dict[str, Tensor]:
        """See `Ranker.rank`."""
        told = _told(encoding, candidates, standing)
        arrays = {own: told[name].numpy() for name, own in self._names.items()}
        outputs = [self._session.run({name: array[row : row + 1] for name, array in arrays.items()}) for row in range(len(encoding.users))]
        return {name: torch.cat([torch.from_numpy(each[place]) for each in outputs]) for place, name in enumerate(self.tasks)}


class _RankingPath(nn.Module):
    """`Network.rank` of one request, from tensors in a row."""

    def __init__(self, network: Network, like: Encoding, names: list[str]) -> None:
        super().__init__()
        self.network, self._like, self._names = network, like, names

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        told = dict(zip(self._names, tensors, strict=True))
        encoding, candidates, standing = _untold(told, self._like)
        return tuple(self.network.rank(encoding, candidates, standing).values())


class _OneScenario(Scenario):
    """The scenario of a single target: nothing to sort by, which no graph could hold."""

    @property
    def different(self) -> Scenario:
        return Scenario(self.vector.flatten(0, -2), {name: index.flatten() for name, index in self.factors.items()})

    def each(self, values: Tensor, change: Callable[[Tensor, int], Tensor]) -> Tensor:
        return change(values.flatten(0, -3), 0).view(values.shape)


def _told(encoding: Encoding, candidates: Items, standing: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor that ranking may read, by where it stands."""
    own = {part.name: getattr(encoding, part.name) for part in fields(encoding) if part.name not in NOT_READ}
    told = {f"encoding.{name}": value for name, value in own.items() if isinstance(value, Tensor)}
    told["scenario.vector"] = encoding.scenario.vector
    told |= {f"factors.{name}": index for name, index in encoding.scenario.factors.items()}
    told |= {f"candidates.{name}": value for name, value in vars(candidates).items() if isinstance(value, Tensor)}
    return told | {f"standing.{name}": value for name, value in standing.items()}


def _untold(told: Mapping[str, Tensor], like: Encoding) -> tuple[Encoding, Items, dict[str, Tensor]]:
    """The inverse of `_told`, but for what ranking does not read."""

    def of(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(f"{prefix}."): value for name, value in told.items() if name.startswith(f"{prefix}.")}

    scenario = _OneScenario(told["scenario.vector"], of("factors"))
    encoding = replace(like, **of("encoding"), scenario=scenario)
    return encoding, Items(**({"fields": None} | of("candidates"))), of("standing")  # type: ignore[arg-type]  # vectors are always told


def _inputs(told: Mapping[str, Tensor]) -> list[str]:
    """What the graph calls each of these; features may have names that no graph could."""
    return [f"input_{place}" for place in range(len(told))]


def _long(encoding: Encoding) -> Encoding:
    """The same with three positions in its history at least, where it has one: an axis of length 1 would count as fixed."""
    positions = encoding.history.shape[1]
    if positions == 1:
        return encoding
    return replace(encoding, history=encoding.history.repeat(1, 2, 1), age=encoding.age.repeat(1, 1, 2).abs())


def _free(name: str) -> dict[int, str]:
    axis = FREE.get(name)
    if axis is not None:
        return {axis[0]: axis[1]}
    return {CANDIDATES: "candidates"} if name.startswith(("candidates.", "standing.")) else {}
