"""The flagship network: one network for retrieval and ranking, every task, every scenario.

items     S = content + id                                  [items, width]
moved     S(u, c): what the item is for this user in this context; S itself unless `network.dynamic` says otherwise
history   H = causal transformer(profile, events)           [batch, 1 + length, width]
user      u = H at the last visible event, then a layer in which context and scenario query the visible history
retrieve  u · S(u, c), folded into a query so that one static index serves all; and what it is worth that the user chose the item before
told      u, S(u, c), their product, what S(u, c) finds in H, context, counts of S; and the fields they are made of, every feature by itself
rank      interaction(told, fields) -> scenario gates -> experts -> one representation per task -> scenario gates -> towers -> heads
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from penchant.features.feature_set import FeatureSet
from penchant.models.batch import Batch
from penchant.models.blocks.adaptor.roads import Roads
from penchant.models.blocks.attention import Attention
from penchant.models.blocks.context.likeness import Likeness
from penchant.models.blocks.discount import Discount
from penchant.models.blocks.dropout import Dropout
from penchant.models.blocks.embedding import FeatureEmbedding
from penchant.models.blocks.feed_forward import feed_forward, layers, start_at_zero
from penchant.models.blocks.members import Members
from penchant.models.blocks.numbers import Numbers
from penchant.models.blocks.scenario.scenario import Scenario
from penchant.models.blocks.standing import Standing
from penchant.schema.errors import RecipeError
from penchant.schema.kinds import choose
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
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
        forms = Roads(settings, features).forms
        self.item = _part("item", settings.item, forms("item"), width, dropout)
        self.profile = FeatureEmbedding(forms("user"), width) if features.features["user"] else None
        self.nobody = nn.Parameter(torch.zeros(width))
        self.history = _part("history", settings.history, forms("history"), width, recipe.history.length, dropout)
        self.context = _part("context", settings.context, forms("context"), width, dropout)
        self.scenario = FeatureEmbedding(forms("scenario"), width) if features.features["scenario"] else None
        self.asks = UserQuery(width, dropout) if self.history.reads else None
        shared = self._shared(features) if self.history.reads else []
        self.likeness = Likeness(shared, UserQuery.heads) if shared and self.context.match else None
        self.repeats = _part("repeats", settings.repeats, shared, self.history.order)
        if settings.repeats.kind != "none" and not self.history.reads:
            do = "Take repeats out, or let the network read a history."
            raise RecipeError("network.repeats", must="of kind 'none' where no history is read", came=f"'{settings.repeats.kind}'", do=do)
        represented = _width_of(settings.experts, width)
        judged = [represented, *settings.tower][-1]
        tasks = {name: build(name, part, width if part.kind == Relation.kind else judged) for name, part in recipe.tasks.items()}
        self.retrieval: NextItem | None = next((task for task in tasks.values() if task.face == "retrieval"), None)
        self.tasks = _ByAnyName({name: task for name, task in tasks.items() if task.face == "ranking"})
        self.relations = _ByAnyName({name: task for name, task in tasks.items() if task.face == "relation"})
        judged_by = [*self.tasks, *([self.retrieval.name] if self.retrieval is not None else [])]
        self.discount = Discount(judged_by) if self.context.spreads else None
        if self.tasks:
            counted = forms("candidate")
            told = 6 if counted else 5
            fields = sum(len(forms(owner)) for owner in ("user", "item", "context", "scenario", "candidate"))
            self.interaction = _part("interaction", settings.interaction, told, fields, width, dropout)
            looks = settings.candidate if self.history.reads and self.interaction.reads_told else Part(kind="none")
            self.candidate = _part("candidate", looks, width, dropout)
            gates = settings.scenario if self.scenario is not None else Part(kind="none")  # no scenario, nothing to gate by
            self.standing = Standing(counted, width, dropout) if counted else None
            self.numbers = Numbers(features) if settings.numbers else None
            joined = self.interaction.width_out + (self.numbers.width if self.numbers is not None else 0)
            self.gate_in = _part("scenario", gates, width, joined)
            self.experts = _part("experts", settings.experts, joined, width, len(self.tasks), dropout, settings.activation)
            self.gates_out = nn.ModuleList([_part("scenario", gates, width, represented) for _ in self.tasks])
            self.members = Members(settings.members, joined, judged, len(self.tasks)) if settings.members > 1 else None
            self.towers = nn.ModuleList([layers(represented, settings.tower, dropout, settings.activation) for _ in self.tasks])
        self.dynamic = _part("dynamic", settings.dynamic, width, dropout)
        if settings.dynamic.kind != "none" and not self._reads_vectors:
            do = "Add a task of kind 'next_item', let the interaction be told, or take dynamic out."
            raise RecipeError("network.dynamic", must="'none' where no task reads items' vectors", came=f"'{settings.dynamic.kind}'", do=do)

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

    @property
    def reads_fields(self) -> bool:
        """Whether the ranking path reads every feature by itself."""
        return bool(self.tasks) and bool(self.interaction.reads_fields)

    @property
    def reads_fields_alone(self) -> bool:
        """Whether no task reads anything else."""
        return self.reads_fields and not self._reads_vectors

    @property
    def _reads_vectors(self) -> bool:
        """Whether a task reads candidates' vectors."""
        ranks = bool(self.tasks) and (bool(self.interaction.reads_told) or self.discount is not None)
        return self.retrieval is not None or ranks

    def beside(self, encoding: "Encoding", asks: Tensor, items: Tensor) -> Tensor | None:
        """What retrieval adds to the products of users with items `[m, items]`, for `m` targets; None where it adds nothing.

        Args:
            encoding: Of a batch.
            asks: Which of its targets are meant `[batch, targets]`.
            items: The index of all items that the encoding's past numbers `[items, width of the index]`.
        """
        added = None
        if encoding.repeats is not None:
            past = encoding.past.unsqueeze(1).expand_as(encoding.repeats)[asks]
            added = self.repeats.everywhere(past, encoding.repeats[asks], len(items))
        if self.retrieval is not None and self.discount is not None and encoding.spread is not None:
            gates = None if encoding.gates is None else encoding.gates[asks]
            variance = self.dynamic.squares(encoding.spread[asks].square(), gates, items)
            less = self.discount.of(self.retrieval.name, variance)
            added = -less if added is None else added - less
        return added

    def costs(self, encoding: "Encoding", present: Tensor) -> dict[str, Tensor]:
        """What is paid beside the tasks' losses for the targets that are present `[batch, targets]`; nothing for most networks."""
        if encoding.divergence is None:
            return {}
        return {"context_kl": self.context.price * encoding.divergence[present].mean()} if present.any() else {}

    def items(self, features: dict[str, Tensor]) -> "Items":
        """Items given by their features `{name: [n, *]}` as the network reads them; in training without vectors that no task reads."""
        if self.training and self.reads_fields_alone:
            fields = torch.cat(self.item.fields(features), dim=-2)
            return Items(self.nobody.expand(len(fields), -1), fields)
        vectors, fields = self.item(features)
        index = self.dynamic.index(vectors)
        return Items(vectors, torch.cat(fields, dim=-2) if self.reads_fields else None, None if index is vectors else index)

    def query(self, encoding: "Encoding") -> Tensor:
        """The user with the movement folded in, `[batch, targets, width of the index]`: retrieval's products are with this."""
        folded: Tensor = self.dynamic.query(encoding.users, encoding.gates)
        return folded

    def move(self, encoding: "Encoding", candidates: "Items") -> "Items":
        """Items `[batch, targets, k]` as they are for who asks; nothing is normed from here on, or retrieval's fold would not be these."""
        return Items(self.dynamic.moved(candidates.searched, encoding.gates), candidates.fields)

    def usual(self, items: "Items") -> Tensor:
        """Vectors of items `[n, width]` for nobody in particular: as they are moved on the average of training."""
        vectors: Tensor = self.dynamic.usual(items.searched)
        return vectors

    def encode(self, batch: Batch, items: Tensor) -> "Encoding":
        """Everything that does not depend on a candidate.

        Args:
            batch: What is asked.
            items: Vectors of `batch.items`, `[n, width]`.
        """
        batch = batch if self.history.reads else batch.without_past()
        if self.reads_fields_alone and not (self.history.reads or batch.context or batch.scenario):
            return self._profiles_alone(batch)
        profile, fields = self.nobody.expand(batch.size, -1), []
        if self.profile is not None:
            own = self.profile(batch.profile)
            profile = profile + own.sum(-2)
            fields.append(own.unsqueeze(1).expand(-1, batch.visible.shape[1], -1, -1))
        history = self.history(profile, items[batch.history], batch.history_columns, batch.gap, batch.alike)
        now = self.context(batch.context, batch.recency)
        context, circumstances = now.vector, now.each
        factors = self.scenario(batch.scenario) if self.scenario is not None else circumstances[..., :0, :]
        scenario = factors.sum(-2) if self.scenario is not None else torch.zeros_like(context)
        age = self.history.age(batch.visible, history.shape[1])
        near = self.likeness(batch.context, batch.history_columns) if self.likeness is not None else None
        users = self.history.latest(history, batch.visible)
        users = self.asks(users, context + scenario, history, age, near) if self.asks is not None else users + context + scenario
        repeats = self.repeats.weigh(age, batch.context, batch.history_columns)
        read = torch.cat([*fields, circumstances, factors], dim=-2) if self.reads_fields else None
        return Encoding(
            users,
            history,
            context + scenario,
            Scenario(scenario, batch.scenario),
            age,
            batch.history,
            repeats,
            read,
            now.spread,
            now.divergence,
            self.numbers.of_who_asks(batch) if self.tasks and self.numbers is not None else None,
            self.dynamic.gates(users, context + scenario, batch.present),
        )

    def _profiles_alone(self, batch: Batch) -> "Encoding":
        """The encoding of a network that reads fields of users and items, and nothing else."""
        nothing = self.nobody.expand(*batch.visible.shape, -1)
        own = self.profile(batch.profile) if self.profile is not None else nothing[:, :0]
        read = own.unsqueeze(1).expand(-1, batch.visible.shape[1], -1, -1)
        age = torch.zeros_like(batch.visible).unsqueeze(-1)
        return Encoding(nothing, nothing, nothing, Scenario(nothing, batch.scenario), age, batch.history, None, read)

    def rank(
        self, encoding: "Encoding", candidates: "Items", standing: dict[str, Tensor], asked: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Raw outputs `{task: [batch, targets, k]}`; of several members in training each by itself, `[members * batch, targets, k]`.

        Args:
            encoding: Who asks, when.
            candidates: Items `[batch, targets, k]`.
            standing: What is counted of each candidate as of the target `{name: [batch, targets, k, *]}`; empty where nothing is.
            asked: Which targets are meant `[batch, targets]`, the others cost nothing and get 0; None for all.
        """
        found, candidates = None, self.move(encoding, candidates)
        if self.interaction.reads_told:
            found = self.candidate(candidates.vectors, encoding.context, encoding.history, encoding.age)
        if asked is None or asked.all():
            return self._judge(encoding, candidates, standing, found)
        chosen = asked.flatten().nonzero()[:, 0]

        def only(values: Tensor | None) -> Any:
            return None if values is None else values.flatten(0, 1)[chosen].unsqueeze(0)

        few = Items(only(candidates.vectors), only(candidates.fields))
        outputs = self._judge(encoding.only(only), few, {name: only(each) for name, each in standing.items()}, only(found))
        return {name: _in_place(output, chosen, asked) for name, output in outputs.items()}

    def _judge(self, encoding: "Encoding", candidates: "Items", standing: dict[str, Tensor], found: Tensor | None) -> dict[str, Tensor]:
        """As `rank`, of every target, given what the candidates find in the history `[batch, targets, k, width]`."""
        counts, counted = self.standing(standing) if self.standing is not None else (None, None)
        told = _told(encoding, candidates.vectors, found, counts) if found is not None else None
        fields = _beside(encoding.fields, candidates.fields, counted) if self.interaction.reads_fields else None
        joined = self.interaction(told, fields)
        if self.numbers is not None and encoding.numbers is not None:
            joined = torch.cat([joined, self.numbers.beside(encoding.numbers, standing, joined.shape[-2])], dim=-1)
        joined = self.gate_in(joined, encoding.scenario)
        representations = self.experts(joined if self.members is None else self.members.spread(joined)).unbind(-2)
        outputs = {}
        for place, (name, task) in enumerate(self.tasks.items()):
            own = self.towers[place](self.gates_out[place](representations[place], encoding.scenario))
            outputs[name] = task(own) if self.members is None else self.members.answer(own, place, task)
            if self.discount is not None and encoding.spread is not None:
                lower = self.discount.at(name, encoding.spread.unsqueeze(2), candidates.vectors)
                members = len(outputs[name]) // len(lower)  # for each of which it is the same
                outputs[name] = (outputs[name].unflatten(0, (members, len(lower))) - lower).flatten(0, 1)
        return outputs


@dataclass(frozen=True)
class Items:
    """Items as the network reads them.

    Attributes:
        vectors: Their vectors `[..., width]`.
        fields: The vectors of their features `[..., features, width]`; None where the ranking path does not read them.
        index: What retrieval searches and items are moved from `[..., width of the index]`; None where it is their vectors.
    """

    vectors: Tensor
    fields: Tensor | None
    index: Tensor | None = None

    @property
    def searched(self) -> Tensor:
        """The index, whatever it is."""
        return self.vectors if self.index is None else self.index

    def at(self, rows: Tensor) -> "Items":
        """Some of `[n]` items, `[...]` as the rows are."""
        index = None if self.index is None else self.index[rows]
        if self.fields is None:
            return Items(self.vectors[rows], None, index)
        fields = nn.functional.embedding(rows, self.fields.flatten(1))
        return Items(self.vectors[rows], fields.view(*rows.shape, *self.fields.shape[1:]), index)

    @staticmethod
    def cat(several: "Sequence[Items]") -> "Items":
        """Several `[n]` items after one another."""
        fields = [one.fields for one in several if one.fields is not None]
        index = [one.index for one in several if one.index is not None]
        return Items(
            torch.cat([one.vectors for one in several]), torch.cat(fields) if fields else None, torch.cat(index) if index else None
        )


def _told(encoding: "Encoding", candidates: Tensor, found: Tensor, counts: Tensor | None) -> Tensor:
    """What is known of each candidate with who asks, `[batch, targets, k, told, width]`."""
    users = encoding.users.unsqueeze(2).expand_as(candidates)
    context = encoding.context.unsqueeze(2).expand_as(candidates)
    told = [users, candidates, users * candidates, found, context] + ([] if counts is None else [counts])
    return torch.stack(told, dim=-2)


def _in_place(outputs: Tensor, chosen: Tensor, asked: Tensor) -> Tensor:
    """Outputs `[members, n, k]` of the targets `chosen` `[n]` of all, as `[members * batch, targets, k]`, 0 where not `asked`."""
    members, _, candidates = outputs.shape
    return outputs.new_zeros(members, asked.numel(), candidates).index_copy(1, chosen, outputs).view(-1, asked.shape[1], candidates)


def _beside(asked: Tensor | None, items: Tensor | None, counted: Tensor | None) -> Tensor:
    """All fields `[batch, targets, k, fields, width]`: those of who asks `[batch, targets, *, width]`, of items and of counts."""
    assert asked is not None
    assert items is not None
    asked = asked.unsqueeze(2).expand(-1, -1, items.shape[2], -1, -1)
    return torch.cat([asked, items] + ([] if counted is None else [counted]), dim=-2)


@dataclass(frozen=True)
class Encoding:
    """A batch without its candidates.

    Attributes:
        users: User vectors in their context `[batch, targets, width]`.
        history: Encoded positions `[batch, 1 + length, width]`.
        context: Circumstances and scenario `[batch, targets, width]`.
        scenario: Scenario alone `[batch, targets]`.
        age: How many events each position lies before each target, below 0 where not visible, `[batch, targets, 1 + length]`.
        past: Item rows of the past events `[batch, length]`.
        repeats: What each of them is worth for its own item, `[batch, targets, length]`; None where repeats count nothing.
        fields: Each feature of profile, context and scenario by itself, `[batch, targets, fields, width]`; None where nothing reads them.
        spread: Standard deviation of the context `[batch, targets, width]`; None where it is a point.
        divergence: What its distribution costs `[batch, targets]`; None where it is a point.
        numbers: Those of profile and context as they are `[batch, targets, numbers]`; None where nothing reads them.
        gates: How far items move for each target `[batch, targets, gates]`; None where they stand still.
    """

    users: Tensor
    history: Tensor
    context: Tensor
    scenario: Scenario
    age: Tensor
    past: Tensor
    repeats: Tensor | None
    fields: Tensor | None
    spread: Tensor | None = None
    divergence: Tensor | None = None
    numbers: Tensor | None = None
    gates: Tensor | None = None

    def only(self, some: Callable[[Tensor | None], Any]) -> "Encoding":
        """The same with what is told of each target given by `some` of it; the history is left as it is."""
        factors = {name: some(index) for name, index in self.scenario.factors.items()}
        return replace(
            self,
            users=some(self.users),
            context=some(self.context),
            scenario=Scenario(some(self.scenario.vector), factors),
            fields=some(self.fields),
            spread=some(self.spread),
            numbers=some(self.numbers),
        )

    def take(self, rows: Tensor) -> "Encoding":
        """Some of the batch `[n]`, each as often as it is named."""
        told = {name: value[rows] for name, value in vars(self).items() if isinstance(value, Tensor)}
        factors = {name: index[rows] for name, index in self.scenario.factors.items()}
        return replace(self, scenario=Scenario(self.scenario.vector[rows], factors), **told)

    def draw(self, generator: torch.Generator) -> "Encoding":
        """The same in circumstances as they might be: users and context moved by one draw from the spread; itself where there is none.

        A user's product with an item then has the variance that `Discount` reckons with, `sum of (spread * item)²`; items move as they did.
        """
        if self.spread is None:
            return self
        moved = self.spread * torch.randn(self.spread.shape, generator=generator)
        return replace(self, users=self.users + moved, context=self.context + moved)


class UserQuery(nn.Module):
    """The user as of now: the state after the last visible event, moved by what context finds in the history."""

    heads = 4

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, self.heads)
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


def _width_of(experts: Part, width: int) -> int:
    """Width of the representations that these experts will give."""
    kind, settings = choose(experts, "penchant.models.blocks.experts", "network.experts")
    width_out: int = kind.width_of(settings, width)
    return width_out


def _part(slot: str, part: Part, *arguments: Any) -> Any:
    kind, settings = choose(part, f"penchant.models.blocks.{slot}", f"network.{slot}")
    return kind(settings, *arguments)
