"""The flagship network: one network for retrieval and ranking, every task, every scenario.

items     S = content + id                                  [items, width]
history   H = causal transformer(profile, events)           [batch, 1 + length, width]
user      u = H at the last visible event, then a layer in which context and scenario query the visible history
retrieve  u · S, and what it is worth that the user chose the item before
rank      (u, S, u * S, what S finds in H, context, counts of S) -> scenario gates -> experts -> one representation per task -> heads
"""

from typing import Any

import torch
from torch import Tensor, nn

from penchant.features.feature_set import FeatureSet
from penchant.models.batch import Batch
from penchant.models.blocks.attention import Attention
from penchant.models.blocks.context import Likeness
from penchant.models.blocks.dropout import Dropout
from penchant.models.blocks.embedding import FeatureEmbedding
from penchant.models.blocks.feed_forward import feed_forward, start_at_zero
from penchant.models.blocks.standing import Standing
from penchant.schema.kinds import choose
from penchant.schema.recipe import Part, Recipe
from penchant.tasks.next_item import NextItem
from penchant.tasks.relation import Relation
from penchant.tasks.task import RankingTask, build


class Network(nn.Module):
    """Built from a recipe and its fitted features; every part is the object the recipe names.

    Raises:
        RecipeError: for an unknown part or setting.
    """

    def __init__(self, recipe: Recipe, features: FeatureSet) -> None:
        super().__init__()
        settings, width = recipe.network, recipe.network.width
        dropout = settings.dropout
        self.width = width
        self.item = _part("item", settings.item, features.forms("item"), width, dropout)
        self.profile = FeatureEmbedding(features.forms("user"), width) if features.features["user"] else None
        self.nobody = nn.Parameter(torch.zeros(width))
        self.history = _part("history", settings.history, features.forms("history"), width, recipe.history.length, dropout)
        self.context = _part("context", settings.context, features.forms("context"), width, dropout)
        self.scenario = FeatureEmbedding(features.forms("scenario"), width) if features.features["scenario"] else None
        self.asks = UserQuery(width, dropout)
        shared = self._shared(features)
        self.likeness = Likeness(shared, self.asks.attention.heads) if shared and self.context.match else None
        self.repeats = _part("repeats", settings.repeats, shared, self.history.order)
        tasks = {name: build(name, part, width) for name, part in recipe.tasks.items()}
        self.retrieval: NextItem | None = next((task for task in tasks.values() if task.face == "retrieval"), None)
        self.tasks = _ByAnyName({name: task for name, task in tasks.items() if task.face == "ranking"})
        self.relations = _ByAnyName({name: task for name, task in tasks.items() if task.face == "relation"})
        if self.tasks:
            self.candidate = _part("candidate", settings.candidate, width, dropout)
            gates = settings.scenario if self.scenario is not None else Part(kind="none")  # no scenario, nothing to gate by
            counted = features.forms("candidate")
            self.standing = Standing(counted, width, dropout) if counted else None
            joined = (6 if counted else 5) * width
            self.gate_in = _part("scenario", gates, width, joined)
            self.experts = _part("experts", settings.experts, joined, width, len(self.tasks), dropout)
            self.gates_out = nn.ModuleList([_part("scenario", gates, width, width) for _ in self.tasks])

    @staticmethod
    def _shared(features: FeatureSet) -> list[str]:
        """The circumstances that are known of past events too, each described alike, so that equal indices are equal values."""
        past, now = features.parts["history"], features.parts["context"]
        return [name for name, form in features.forms("context").items() if form.shape == "index" and past.get(name) == now[name]]

    @property
    def ranking_tasks(self) -> dict[str, RankingTask]:
        """The tasks with a head, by name."""
        return {name: task for name, task in self.tasks.items() if isinstance(task, RankingTask)}

    @property
    def relation_tasks(self) -> dict[str, Relation]:
        """The tasks between users, by name."""
        return {name: task for name, task in self.relations.items() if isinstance(task, Relation)}

    def encode(self, batch: Batch, items: Tensor) -> "Encoding":
        """Everything that does not depend on a candidate.

        Args:
            batch: What is asked.
            items: Vectors of `batch.items`, `[n, width]`.
        """
        profile = self.nobody.expand(batch.size, -1)
        if self.profile is not None:
            profile = profile + self.profile(batch.profile).sum(-2)
        history = self.history(profile, items[batch.history], batch.history_columns, batch.gap)
        context = self.context(batch.context, batch.recency)
        scenario = self.scenario(batch.scenario).sum(-2) if self.scenario is not None else torch.zeros_like(context)
        age = self.history.age(batch.visible, history.shape[1])
        near = self.likeness(batch.context, batch.history_columns) if self.likeness is not None else None
        users = self.asks(self.history.latest(history, batch.visible), context + scenario, history, age, near)
        repeats = self.repeats.weigh(age, batch.context, batch.history_columns)
        return Encoding(users, history, context + scenario, scenario, age, batch.history, repeats)

    def rank(self, encoding: "Encoding", candidates: Tensor, standing: dict[str, Tensor]) -> dict[str, Tensor]:
        """Raw outputs `{task: [batch, targets, k]}`.

        Args:
            encoding: Who asks, when.
            candidates: Item vectors `[batch, targets, k, width]`.
            standing: What is counted of each candidate as of the target `{name: [batch, targets, k, *]}`; empty where nothing is.
        """
        users = encoding.users.unsqueeze(2).expand_as(candidates)
        context = encoding.context.unsqueeze(2).expand_as(candidates)
        scenario = encoding.scenario.unsqueeze(2)
        found = self.candidate(candidates, encoding.context, encoding.history, encoding.age)
        told = [users, candidates, users * candidates, found, context] + ([self.standing(standing)] if self.standing is not None else [])
        representations = self.experts(self.gate_in(torch.cat(told, dim=-1), scenario))
        outputs = {}
        for place, (name, task) in enumerate(self.tasks.items()):
            outputs[name] = task(self.gates_out[place](representations[..., place, :], scenario))
        return outputs


class Encoding:
    """A batch without its candidates.

    Attributes:
        users: User vectors in their context `[batch, targets, width]`.
        history: Encoded positions `[batch, 1 + length, width]`.
        context: Circumstances and scenario `[batch, targets, width]`.
        scenario: Scenario alone `[batch, targets, width]`.
        age: How many events each position lies before each target, below 0 where not visible, `[batch, targets, 1 + length]`.
        past: Item rows of the past events `[batch, length]`.
        repeats: What each of them is worth for its own item, `[batch, targets, length]`; None where repeats count nothing.
    """

    def __init__(
        self, users: Tensor, history: Tensor, context: Tensor, scenario: Tensor, age: Tensor, past: Tensor, repeats: Tensor | None
    ) -> None:
        self.users, self.history, self.context, self.scenario, self.age = users, history, context, scenario, age
        self.past, self.repeats = past, repeats


class UserQuery(nn.Module):
    """The user as of now: the state after the last visible event, moved by what context finds in the history."""

    def __init__(self, width: int, dropout: float, heads: int = 4) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.attention.start_as_average()
        self.feed_forward = feed_forward(width, 4 * width, width, dropout)
        start_at_zero(self.feed_forward[-1])
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3)])
        self.dropout = Dropout(dropout)

    def forward(self, last: Tensor, context: Tensor, history: Tensor, age: Tensor, near: Tensor | None) -> Tensor:
        """User vectors `[batch, targets, width]`."""
        user = last + context
        user = user + self.dropout(self.attention(self.norms[0](user), history, age, near))
        moved: Tensor = self.norms[2](user + self.dropout(self.feed_forward(self.norms[1](user))))
        return moved


class _ByAnyName(nn.ModuleDict):
    """Modules by a person's names; a plain `ModuleDict` refuses its own attributes' ("forward", "keys")."""

    def add_module(self, name: str, module: nn.Module | None) -> None:
        """Take the module, whatever the name: it is only ever asked for as an entry."""
        self._modules[name] = module  # type: ignore[assignment]  # torch's own code does the same


def _part(slot: str, part: Part, *arguments: Any) -> Any:
    kind, settings = choose(part, f"penchant.models.blocks.{slot}", f"network.{slot}")
    return kind(settings, *arguments)
