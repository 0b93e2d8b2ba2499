"""Integrated gradients (Sundararajan et al. 2017, section 3) of the network, by captum: what every event and feature adds to a score.

Every embedding that a request is read through (an event's, a feature's of profile, circumstances, scenario, item and counts) is
multiplied by a gate. All gates go from 0 to 1 together, and what a gate gathers on the way is its attribution. By the chain rule this is
the attribution of the embedding's numbers, from zero, summed over its width. Attributions add up to the score less the score of a request
whose embeddings are all zero, which leave-one-out effects do not; but they read the network's inside, and no request can be made that
would show one of them alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from penchant.models.batch import Batch
from penchant.models.blocks.embedding import FeatureEmbedding
from penchant.models.explanation.cause import Cause, Effect, by_size
from penchant.models.explanation.removals import said
from penchant.models.explanation.request import Array, Request
from penchant.models.queries import Queries
from penchant.schema.errors import RecipeError

if TYPE_CHECKING:
    from penchant.models.network_recommender import NetworkRecommender

STEPS = 64
"""Points on the way from nothing to everything."""


def attributions(
    recommender: "NetworkRecommender", query: Queries, request: Request, rows: Array, arrays: Mapping[str, Array], steps: int = STEPS
) -> list[list[Effect]]:
    """What each event and feature adds to each item's score and to the ranking tasks' predictions, the strongest first, `[n]` lists.

    Args:
        recommender: Fitted.
        query: Who asks, one.
        request: The same, for what columns say.
        rows: Of the items `[n]`.
        arrays: What the network reads of them `{name: [n, *]}`.
        steps: How finely the way is cut; with more of them attributions add up more closely.

    Raises:
        RecipeError: where captum is not installed.
    """
    integrate = _captum()
    recommender.network.eval()
    batch = recommender.batch_of(query)
    names = ["", *recommender.network.ranking_tasks]
    found = []
    for place in range(len(rows)):
        gated = _Gated(recommender, batch, query, rows[[place]], {name: array[[place]] for name, array in arrays.items()})
        ones = torch.ones(1, len(gated.causes(request)))
        told = {
            name: integrate(partial(gated.score, task=name))
            .attribute(ones, baselines=torch.zeros_like(ones), n_steps=steps)[0]
            .detach()
            .tolist()
            for name in names
        }
        causes = gated.causes(request)
        effects = [Effect(cause, told[""][at], {name: told[name][at] for name in names[1:]}) for at, cause in enumerate(causes)]
        found.append(by_size(effects))
    return found


def _captum() -> Any:
    try:
        from captum.attr import IntegratedGradients
    except ImportError:
        do = "pip install 'penchant[gradients]', or leave the method out."
        raise RecipeError("method 'gradients'", must="asked where captum is installed", came="no captum", do=do) from None
    return IntegratedGradients


@dataclass(frozen=True)
class _Gated:
    """One request and one item, read through gates `[steps, events and features]`."""

    recommender: "NetworkRecommender"
    batch: Batch
    query: Queries
    row: Array
    arrays: Mapping[str, Array]

    def causes(self, request: Request) -> list[Cause]:
        """What each gate is of: the events, then features by owner."""
        length = self.batch.history.shape[1] if self._reads else 0
        seen = int(self.batch.visible[0, 0])
        events = request.past[len(request.past) - seen :]
        found = [Cause("history", item=event.item, events=1, time=event.time, told=event.told) for event in events][:length]
        found += [Cause("history")] * (length - len(found))
        for owner, names in self._features.items():
            record = {"user": request.record, "item": self.recommender.items.row(int(self.row[0]), named=True), "candidate": {}}.get(
                owner, request.moment
            )
            kind = {"user": "profile", "item": "item", "candidate": "item", "scenario": "scenario", "context": "context"}[owner]
            parts = self.recommender.features.parts[owner]  # type: ignore[index]  # its keys are owners
            found += [Cause(kind, name, said(record, frozenset(parts[name].reads(name)))) for name in names]  # type: ignore[arg-type]
        return found

    def score(self, gates: Tensor, task: str) -> Tensor:
        """The final score, or a task's prediction, at each step `[steps]`."""
        recommender, network, steps = self.recommender, self.recommender.network, len(gates)
        length = self.batch.history.shape[1] if self._reads else 0
        of_events, ends = gates[:, :length], np.cumsum([len(names) for names in self._features.values()]).tolist()
        of_features = dict(zip(self._features, gates[:, length:].tensor_split(ends[:-1], dim=1), strict=True))
        batch = _tiled(self.batch, steps)
        vectors = recommender.item_vectors.clone()
        with torch.enable_grad(), self._through(of_events, of_features):
            past = vectors[self.batch.history].expand(steps, -1, -1)
            if self._reads:
                past = past * of_events.unsqueeze(-1)
            numbered = batch.with_history(torch.arange(past.shape[0] * past.shape[1]).view(past.shape[:2]))
            encoding = network.encode(numbered, past.flatten(0, 1))
            kept = batch.history if self._reads else encoding.past
            weights = None if encoding.repeats is None else encoding.repeats * of_events.unsqueeze(1)
            encoding = replace(encoding, past=kept, repeats=weights)
            told = {name: torch.from_numpy(array).expand(steps, *array.shape[1:]) for name, array in self.arrays.items()}
            items = network.items(told).at(torch.arange(steps).view(-1, 1, 1))
            rows = torch.from_numpy(self.row).expand(steps, 1)
            moments = self.query.moment
            standing = {name: each.expand(steps, *each.shape[1:]) for name, each in recommender.standing(self.row[None], moments).items()}
            outputs = recommender.outputs(network, encoding, items, rows, standing)
            found = recommender.total(outputs, encoding) if not task else network.ranking_tasks[task].predict(outputs[task])
            return found[:, 0]

    @property
    def _reads(self) -> bool:
        return bool(self.recommender.network.history.reads)

    @property
    def _features(self) -> dict[str, list[str]]:
        """Features with an embedding, by owner."""
        features, network = self.recommender.features, self.recommender.network
        found = {owner: list(features.features[owner]) for owner in ("user", "context", "scenario", "item")}
        counted = list(features.features["candidate"]) if network.tasks and network.standing is not None else []
        return found | {"candidate": counted}

    @contextmanager
    def _through(self, of_events: Tensor, of_features: dict[str, Tensor]) -> Iterator[None]:
        """While this lasts, embeddings pass their gates."""
        network = self.recommender.network
        standing = [network.standing] if network.tasks and network.standing is not None else []
        owners: dict[str, Sequence[nn.Module | None]] = {
            "user": [network.profile], "context": [network.context], "scenario": [network.scenario], "item": [network.item],
            "candidate": standing,
        }  # fmt: skip
        with ExitStack() as hooks:
            for owner, parts in owners.items():
                for embedding in _embeddings(parts):
                    places = [self._features[owner].index(name) for name in embedding.forms]
                    hooks.enter_context(_gate(embedding, of_features[owner][:, places]))
            for embedding in _embeddings([self.recommender.network.history]):
                hooks.enter_context(_gate(embedding, of_events.unsqueeze(-1)))
            yield


def _embeddings(parts: Sequence[nn.Module | None]) -> list[FeatureEmbedding]:
    return [module for part in parts if part is not None for module in part.modules() if isinstance(module, FeatureEmbedding)]


@contextmanager
def _gate(embedding: FeatureEmbedding, gates: Tensor) -> Iterator[None]:
    """What the embedding gives, `[steps, ..., features, width]`, times gates `[steps, features]` or `[steps, length, 1]`."""

    def multiplied(_: nn.Module, __: Any, vectors: Tensor) -> Tensor:
        between = vectors.dim() - gates.dim() - 1
        shaped = gates.view(len(gates), *[1] * between, *gates.shape[1:]) if gates.dim() == 2 else gates
        return vectors * shaped.unsqueeze(-1)

    handle = embedding.register_forward_hook(multiplied)
    try:
        yield
    finally:
        handle.remove()


def _tiled(batch: Batch, steps: int) -> Batch:
    """The only request of a batch, so many times."""
    told: dict[str, Any] = {name: value.expand(steps, *value.shape[1:]) for name, value in vars(batch).items() if isinstance(value, Tensor)}
    told |= {
        name: {key: each.expand(steps, *each.shape[1:]) for key, each in value.items()}
        for name, value in vars(batch).items()
        if isinstance(value, dict)
    }
    return replace(batch, **told)
