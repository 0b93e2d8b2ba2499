"""The flagship network behind the face every model has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.data.dataset import Dataset
from penchant.data.log import Log
from penchant.data.windows import Windows, single_windows, windows_of
from penchant.features.feature_set import Encoded, FeatureSet
from penchant.funnel.candidates import Candidates
from penchant.funnel.union import limit_of, limited, union
from penchant.models import relations
from penchant.models.batch import Batch, Moments, Past, assemble, gather
from penchant.models.by_scenario import Placement, Scenarios
from penchant.models.calibration import Calibration
from penchant.models.candidate_source import CandidateSource, each_once
from penchant.models.classic import sources
from penchant.models.explanation.cause import Effect
from penchant.models.explanation.gradients import attributions
from penchant.models.explanation.of_log import item_arrays, items_asked, request_of
from penchant.models.explanation.of_network import network_effects
from penchant.models.feature_weights import feature_weights
from penchant.models.final_score import FinalScore
from penchant.models.network import Encoding, Items, Network
from penchant.models.packs import packs
from penchant.models.queries import Queries
from penchant.models.rankers.chosen import chosen_ranker
from penchant.models.rankers.ranker import Ranker
from penchant.models.rankers.student import Student
from penchant.models.recommender import Recommender, check_space, known_factors, usual_factors, without
from penchant.models.similar.likeness import Likeness
from penchant.models.similar.of_network import Similar
from penchant.models.similar.spaces import By, Owner, Space
from penchant.schema.errors import TargetError
from penchant.schema.rankers import RankerName
from penchant.schema.recipe import Recipe
from penchant.schema.space import Range
from penchant.tasks.steps import through_steps
from penchant.tasks.task import RankingTask

EVENTS_AT_ONCE = 16_384
ITEMS_AT_ONCE = 65_536


class Trainer(Protocol):
    """Whatever fits a network to data; `penchant.training` holds ours."""

    def fit(self, recommender: "NetworkRecommender", data: Dataset) -> None:
        """Fit the recommender's features and network in place."""


class NetworkRecommender(Recommender):
    """One network for retrieval and ranking, every task, every scenario.

    Args:
        recipe: What is learnt, from which features, by which parts.
        trainer: Fits the network; None for a network that is loaded, not fitted.

    Attributes:
        features: The recipe's features.
        network: The network, after `build` or `fit`.
        known: The catalogue `[items]` as the network reads it, after `refresh`.
        catalogue: What its items are counted by, `[items]`, after `refresh`.
        sources: Classic models that propose items to rank, by name; none unless the recipe names some.
        calibration: What turns each task's logits into chances that come true; as they are unless the recipe asks for more.
        learnt_score: The weights of the final score where they were learnt; the recipe's count where this is None.
        student: What has learnt to say what the ranking path says; None unless the recipe asks for one.
        ranker: What `judge` asks; None for the network's ranking path itself, as while it is fitted.
        related: What is known of each relation task, as pairs of user rows `{task: [m, 2]}`.
    """

    space: ClassVar[Mapping[str, Range]] = {
        "learning_rate": Range(low=5e-4, high=8e-3, log=True),
        "dropout": Range(low=0.0, high=0.4),
        "width": Range(choices=(32, 64, 128)),
        "weight_decay": Range(low=1e-6, high=1e-2, log=True),
    }
    network: Network
    known: Items
    catalogue: pl.DataFrame

    def __init__(self, recipe: Recipe, trainer: Trainer | None = None) -> None:
        self.recipe, self.trainer = recipe, trainer
        self.features = FeatureSet(recipe)
        self.sources: dict[str, CandidateSource] = {}
        self.related: dict[str, NDArray[np.int64]] = {}
        self.calibration = Calibration()
        self.learnt_score: FinalScore | None = None
        self.student: Student | None = None
        self.ranker: Ranker | None = None
        self._encoded: tuple[Log, Encoded] | None = None
        self._scenarios: Scenarios | None = None
        self._similar: Similar | None = None

    def _learn(self, data: Dataset) -> None:
        if self.trainer is None:
            do = "Pass trainer=NetworkTrainer(), or call penchant.training.trainer.fit_network."
            raise TargetError("a NetworkRecommender", must="given a trainer to be fitted", came="none", do=do)
        self.features, self._encoded, self._similar = (
            FeatureSet(self.recipe),
            None,
            None,
        )  # another recipe or part: nothing of the last fit may stay
        fitted = {name: model.fit(data, self.valid_) for name, model in sources(self.recipe).items()}
        self.take_sources(fitted)
        self.trainer.fit(self, data)

    def take_sources(self, fitted: Mapping[str, Recommender]) -> None:
        """Take the recipe's sources, fitted on what the network is fitted on."""
        self.sources = {name: CandidateSource(model, self.recipe.serving.sources[name].candidates) for name, model in fitted.items()}

    def build(self) -> Network:
        """A fresh network for the fitted features."""
        self.network = Network(self.recipe, self.features)
        self.calibration, self.learnt_score, self._scenarios = Calibration(), None, None
        self.student = self.ranker = None
        return self.network

    def take_ranker(self, name: RankerName | None = None) -> None:
        """Judge candidates by this ranker from now on, `serving.ranker` when None; of a network that is ready.

        Raises:
            RecipeError: where what it needs is not installed, or the network has no such form.
            BundleError: for "distilled" where there is no student.
        """
        self.ranker = chosen_ranker(self, name or self.recipe.serving.ranker)

    @property
    def scenario_codes(self) -> Scenarios:
        """The scenarios that the fitted features tell apart."""
        if self._scenarios is None:
            self._scenarios = Scenarios(self.recipe, self.features)
        return self._scenarios

    @property
    def final_score(self) -> FinalScore:
        """What orders candidates: the weights learnt, or else the recipe's."""
        return FinalScore.of(self.recipe, self.scenario_codes) if self.learnt_score is None else self.learnt_score

    def encoded(self, log: Log) -> Encoded:
        """A log as model inputs; the last one asked for is kept."""
        if self._encoded is None or self._encoded[0] is not log:
            self.keep(log, self.features.encode_log(log))
        assert self._encoded is not None
        return self._encoded[1]

    def keep(self, log: Log, encoded: Encoded) -> None:
        """Take a log's model inputs as they are."""
        self._encoded = (log, encoded)

    def _still(self) -> None:
        """No dropout. Asked first, because telling every module costs a millisecond per request."""
        if self.network.training:
            self.network.eval()

    def refresh(self) -> None:
        """Read the catalogue anew, after the network or the catalogue changed."""
        self.known = self.items_of(self.encoded(self.log_).item)
        self.catalogue = self.features.catalogue(self.items)

    @property
    def item_vectors(self) -> Tensor:
        """Vectors of the catalogue `[items, width]` before anything moves them, as histories read them, after `refresh`."""
        return self.known.vectors

    @property
    def item_index(self) -> Tensor:
        """What retrieval's queries are multiplied by `[items, width of the index]`, the same for all users and contexts."""
        return self.known.searched

    @property
    @torch.inference_mode()
    def usual_item_vectors(self) -> Tensor:
        """Vectors of the catalogue `[items, width]` for nobody in particular, to hold items against each other."""
        return self.network.usual(self.known)

    @torch.inference_mode()
    def vectors_of(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """The items as they are for nobody in particular."""
        found: NDArray[np.float32] = self.network.usual(self.known.at(torch.from_numpy(np.asarray(rows, dtype=np.int64)))).float().numpy()
        return found

    def pasts(self, queries: Queries) -> list[NDArray[np.int64]]:
        """As far back as histories go."""
        start, length = queries.history(self.recipe.history.length)
        rows = [queries.log.history_rows[begin : begin + count] for begin, count in zip(start, length, strict=True)]
        return [queries.log.item[own].astype(np.int64) for own in rows]

    @torch.inference_mode()
    def items_of(self, features: Mapping[str, NDArray[Any]]) -> Items:
        """Items given by their features `{name: [n, *]}` as the network reads them."""
        self._still()
        count = len(next(iter(features.values())))
        parts = [
            self.network.items({name: torch.from_numpy(array[start : start + ITEMS_AT_ONCE]) for name, array in features.items()})
            for start in range(0, count, ITEMS_AT_ONCE)
        ]
        return Items.cat(parts)

    def windows(self, log: Log, rows: NDArray[np.integer]) -> Windows:
        """Windows for these target rows; of one target each where the network reads no past."""
        return windows_of(log, rows, self.recipe.history.length) if self.network.history.reads else single_windows(log, rows)

    def batch_of(self, queries: Queries) -> Batch:
        """Queries as a batch with one target each."""
        log, encoded = queries.log, self.encoded(queries.log)
        start, length = queries.history(self.recipe.history.length)
        places = np.arange(max(int(length.max(initial=0)), 1))
        inside = places < length[:, None]
        events = log.history_rows[np.where(inside, start[:, None] + places, 0)] if inside.any() else np.zeros(inside.shape, dtype=np.int64)
        past = Past(
            items=np.where(inside, log.item[events], 0).astype(np.int64),
            times=np.where(inside, log.time[events], 0.0),
            columns={name: array[events] for name, array in encoded.history.items()},
            length=length,
        )
        moments = Moments(
            times=queries.moment["timestamp"].to_numpy()[:, None],
            visible=length[:, None],
            present=np.ones((len(queries), 1), dtype=bool),
            context={name: array[:, None] for name, array in self.features.encode("context", queries.moment).items()},
            scenario={name: array[:, None] for name, array in self.features.encode("scenario", queries.moment).items()},
        )
        return assemble(self._profiles(encoded, queries), past, moments)

    def _profiles(self, encoded: Encoded, queries: Queries) -> dict[str, NDArray[Any]]:
        known = queries.user >= 0
        unknown = self.features.encode("user", queries.log.users.clear(1).with_columns(user_id=pl.lit(""))) if not known.all() else {}
        rows = np.maximum(queries.user, 0)
        profiles = {name: array[rows] for name, array in encoded.user.items()}
        for name, array in unknown.items():
            profiles[name][~known] = array[0]
        return profiles

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Retrieval's score of every item, or the combined tasks' where there is no retrieval, `[queries, items]`."""
        return self.retrieve(self.encode(self.batch_of(queries)), queries.moment)

    @torch.inference_mode()
    def encode(self, batch: Batch) -> Encoding:
        """Everything about a batch with one target each that does not depend on a candidate."""
        self._still()
        return self.network.encode(batch, self.item_vectors)

    @torch.inference_mode()
    def retrieve(self, encoding: Encoding, moments: pl.DataFrame) -> NDArray[np.float32]:
        """The score of every catalogue item `[batch, items]`; without a retrieval task all go through the ranking path.

        Args:
            encoding: Who asks.
            moments: When, and in what circumstances, as `judge` takes them.
        """
        if self.network.retrieval is None:
            rows = np.tile(np.arange(len(self.item_vectors)), (len(encoding.users), 1))
            return self.combine(self.judge(encoding, rows, moments), encoding)
        scores = self.network.query(encoding)[:, 0] @ self.item_index.T
        added = self.network.beside(encoding, torch.ones(len(scores), 1, dtype=torch.bool), self.item_index)
        if added is not None:
            scores = scores + added
        found: NDArray[np.float32] = scores.float().numpy()
        return found

    def _scores_of(self, queries: Queries, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        if self.ranks_by_retrieval:
            return super()._scores_of(queries, rows)
        encoding = self.encode(self.batch_of(queries))
        return self.combine(self.judge(encoding, rows, queries.moment), encoding)

    @property
    def ranks_by_retrieval(self) -> bool:
        """Whether the final order is that of retrieval alone."""
        return self.network.retrieval is None or self.final_score.tasks == [self.network.retrieval.name]

    def _top_block(
        self, queries: Queries, k: int, exclude_seen: bool, ranked: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Retrieval and the sources' proposals, then ranking by the recipe's combination of tasks: what the service does.

        Where nothing retrieves only proposals are ranked, and the whole catalogue for a query with fewer than k of them.
        """
        retrieves = self.network.retrieval is not None
        if self.ranks_by_retrieval and (retrieves or not self.sources):
            return super()._top_block(queries, k, exclude_seen, ranked)
        encoding = self.encode(self.batch_of(queries))
        found = [self._retrieved(encoding, queries, k, exclude_seen, ranked)] if retrieves else []
        proposed = [source.best(queries, exclude_seen, ranked, self._limited) for source in self.sources.values()]
        candidates = self._joined(queries, [*found, *proposed], k) if self._limited else each_once([*found, *proposed])
        rows, values = self._ranked(encoding, queries, candidates, k)
        few = np.flatnonzero((candidates >= 0).sum(axis=1) < k)
        if not retrieves and len(few):
            rows[few], values[few] = super()._top_block(queries.take(few), k, exclude_seen, ranked)
        return rows, values

    @property
    def _limited(self) -> bool:
        """Whether there are scenarios in which not all that is proposed is ranked."""
        serving = self.recipe.serving
        return any(each.ranked is not None for each in (serving, *serving.scenarios.values()))

    def _joined(self, queries: Queries, parts: list[NDArray[np.int64]], k: int) -> NDArray[np.int64]:
        """Candidates of retrieval, where it retrieves, and of each source, best first, each once: `[queries, n]`, as many as are ranked."""
        serving = self.recipe.serving
        names = [*(["retrieval"] if len(parts) > len(self.sources) else []), *self.sources]
        rows = np.full((len(queries), sum(part.shape[1] for part in parts)), -1, dtype=np.int64)
        for place, moment in enumerate(queries.moment.select(self.recipe.scenario.named).to_dicts() or [{}] * len(queries)):
            told = [part[place][part[place] >= 0] for part in parts]
            lists = [Candidates(own, np.zeros(len(own), dtype=np.float32)) for own in told]
            limit = limit_of(serving.funnel(self.recipe.scenario.name(moment)), names)
            items = (union(lists) if limit is None else limited(lists, replace(limit, ranked=max(limit.ranked, k)))).items
            rows[place, : len(items)] = items
        return rows

    def _retrieved(
        self, encoding: Encoding, queries: Queries, k: int, exclude_seen: bool, ranked: NDArray[np.bool_] | None
    ) -> NDArray[np.int64]:
        """Item rows by retrieval, at least k, `[queries, candidates]`; -1 where fewer are left."""
        scores = without(self.retrieve(encoding, queries.moment), queries, exclude_seen, ranked)
        best = torch.from_numpy(scores).topk(min(max(k, self.recipe.serving.candidates), len(self.item_vectors)), dim=1)
        rows: NDArray[np.int64] = best.indices.masked_fill(best.values == -np.inf, -1).numpy()
        return rows

    def _ranked(
        self, encoding: Encoding, queries: Queries, candidates: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best k of the candidates and their scores, `[queries, k]`; -1 where there are fewer."""
        candidates = np.pad(candidates, ((0, 0), (0, max(k - candidates.shape[1], 0))), constant_values=-1)
        combined = torch.from_numpy(self.combine(self.judge(encoding, np.maximum(candidates, 0), queries.moment), encoding))
        order = combined.masked_fill(torch.from_numpy(candidates < 0), -np.inf).topk(k, dim=1)
        values: NDArray[np.float32] = order.values.numpy()
        return np.where(np.isfinite(values), np.take_along_axis(candidates, order.indices.numpy(), axis=1), -1), values

    @torch.inference_mode()
    def judge(self, encoding: Encoding, items: NDArray[np.integer], moments: pl.DataFrame) -> dict[str, Tensor]:
        """Raw output of every task, retrieval included, given its steps and calibrated: `{task: [batch, k]}`.

        Args:
            encoding: Who asks, one target each.
            items: Candidate rows `[batch, k]`.
            moments: `timestamp`, and the columns beside the item that candidates are counted by, `[batch]`; not read where none are.
        """
        return self.judge_as(encoding, self.known.at(torch.from_numpy(items).unsqueeze(1)), items, moments)

    @torch.inference_mode()
    def judge_as(self, encoding: Encoding, candidates: Items, items: NDArray[np.integer], moments: pl.DataFrame) -> dict[str, Tensor]:
        """As `judge`, of items that are told otherwise than the catalogue tells them.

        Args:
            encoding, moments: As `judge` takes them.
            candidates: What they are `[batch, 1, k]`.
            items: The rows that were chosen before and are counted in their place `[batch, k]`.
        """
        return self.judge_told(encoding, candidates, items, self.standing(items, moments))

    @torch.inference_mode()
    def judge_told(
        self, encoding: Encoding, candidates: Items, items: NDArray[np.integer], standing: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """As `judge_as`, of items of which it is told what is counted too.

        Args:
            encoding, candidates, items: As `judge_as` takes them; of `items` only repeats are read.
            standing: What is counted of each candidate, as `Ranker.rank` takes it.
        """
        return self.outputs(self.ranker or self.network, encoding, candidates, torch.from_numpy(items), standing)

    def outputs(
        self, ranker: Ranker, encoding: Encoding, candidates: Items, rows: Tensor, standing: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """As `judge_told`, by this ranker; with gradients where they are on."""
        outputs: dict[str, Tensor] = {}
        if self.network.tasks:
            told = ranker.rank(encoding, candidates, dict(standing))
            outputs = {name: output[:, 0] for name, output in self._given_steps(told, encoding).items()}
        if self.network.retrieval is not None:
            moved = self.network.move(encoding, candidates).vectors[:, 0]
            scores = (moved * encoding.users).sum(-1)
            if encoding.repeats is not None:
                scores = scores + self.network.repeats.at(encoding.past, encoding.repeats[:, 0], rows)
            if self.network.discount is not None and encoding.spread is not None:
                scores = scores - self.network.discount.at(self.network.retrieval.name, encoding.spread, moved)
            outputs[self.network.retrieval.name] = scores
        return outputs

    def judged(self, items: NDArray[np.integer], moments: pl.DataFrame) -> tuple[Items, dict[str, Tensor]]:
        """Candidates `[batch, k]` as a ranker reads them, one target each, and what is counted of them; arguments as of `judge`."""
        return self.known.at(torch.from_numpy(items).unsqueeze(1)), self.standing(items, moments)

    def standing(self, items: NDArray[np.integer], moments: pl.DataFrame) -> dict[str, Tensor]:
        """What is counted of candidates `[batch, k]` as of the moment, as `Ranker.rank` takes it; arguments as of `judge`."""
        counted = self.features.encode_candidates(moments, self.catalogue, items) if self.network.tasks else {}
        return {name: torch.from_numpy(array).unsqueeze(1) for name, array in counted.items()}

    def _rank(self, encoding: Encoding, candidates: Items, standing: dict[str, Tensor], asked: Tensor | None = None) -> dict[str, Tensor]:
        """As `Network.rank`, of the tasks themselves where the network tells what they are given the step before, and calibrated."""
        return self._given_steps(self.network.rank(encoding, candidates, standing, asked), encoding)

    def _given_steps(self, outputs: dict[str, Tensor], encoding: Encoding) -> dict[str, Tensor]:
        outputs = through_steps(outputs, self.recipe.tasks)
        return self.calibration.of(outputs, self._placement(encoding)) if self.calibration.lines else outputs

    def _placement(self, encoding: Encoding) -> Placement:
        """In which scenario each target is asked `[batch, targets]`."""
        return Placement(self.scenario_codes, encoding.scenario.factors, encoding.age[..., 0])

    def combine(self, outputs: Mapping[str, Tensor], encoding: Encoding) -> NDArray[np.float32]:
        """The final score: the weighted sum of the tasks' utilities `[batch, k]`, by the weights of who asks where.

        Args:
            outputs: What `judge` found for each task `[batch, k]`.
            encoding: Of which it was asked.
        """
        result: NDArray[np.float32] = self.total(outputs, encoding).float().numpy()
        return result

    def total(self, outputs: Mapping[str, Tensor], encoding: Encoding) -> Tensor:
        """As `combine`, with gradients where they are on."""
        tasks = self.network.ranking_tasks
        utilities = {name: tasks[name].utility(output) if name in tasks else output for name, output in outputs.items()}
        return self.final_score.total(utilities, self._placement(encoding))

    def predict(self, data: Dataset) -> dict[str, NDArray[np.float32]]:
        """Each ranking task's prediction for every row of a data set, as of the event's time: `{task: [rows]}`."""
        return self._over_rows(data, lambda task, output: task.predict(output))

    def outputs_of(self, data: Dataset) -> dict[str, NDArray[np.float32]]:
        """Each ranking task's raw output, given its steps and calibrated, for the same rows."""
        return self._over_rows(data, lambda _, output: output)

    @torch.inference_mode()
    def _over_rows(self, data: Dataset, said: Callable[[RankingTask, Tensor], Tensor]) -> dict[str, NDArray[np.float32]]:
        self._check_ready()
        if not self.network.tasks:
            return {}
        self._still()
        encoded = self.encoded(data.log)
        items = self.known if data.log is self.log_ else self.items_of(encoded.item)
        windows = self.windows(data.log, data.rows)
        order = np.argsort(np.maximum(windows.length, windows.targets), kind="stable")
        results = {name: np.zeros(len(data.log), dtype=np.float32) for name in self.network.tasks}
        for chosen in packs(np.maximum(windows.length + 1, windows.targets)[order], EVENTS_AT_ONCE):
            batch = gather(data.log, encoded, windows, order[chosen])
            encoding = self.network.encode(batch, items.vectors)
            candidates = items.at(torch.from_numpy(data.log.item[batch.rows]).unsqueeze(2))
            outputs = self._rank(encoding, candidates, batch.standing, batch.present)
            here = batch.rows[batch.present.numpy()]
            for name, task in self.network.ranking_tasks.items():
                results[name][here] = said(task, outputs[name][..., 0]).float().numpy()[batch.present.numpy()]
        return {name: result[data.rows] for name, result in results.items()}

    def relation_scores(self, users: Sequence[Any], others: Sequence[Any], task: str | None = None) -> NDArray[np.float32]:
        """How strongly each user is expected to be related to the other (a friend, to be followed) `[n]`; only the order means something.

        Args:
            users, others: User ids, pair by pair; ids never seen get what a stranger gets.
            task: A relation task; the first when absent.

        Raises:
            TargetError: where there is no such task, or the lists differ in length.
            NotFittedError: before `fit`.
        """
        self._check_ready()
        return relations.scores(self, relations.task_of(self, task), users, others)

    def recommend_users(self, users: Sequence[Any], k: int = 10, task: str | None = None) -> pl.DataFrame:
        """The k other users each is most strongly expected to be related to, known relations left out: `user_id, rank, other_id, score`.

        Raises:
            TargetError: where there is no such task.
            NotFittedError: before `fit`.
        """
        self._check_ready()
        return relations.best(self, relations.task_of(self, task), users, k)

    @property
    def similar(self) -> Similar:
        """What its items and its users are alike in; worked out when first asked for."""
        if self._similar is None:
            self._similar = Similar(self)
        return self._similar

    def take_similar(self, similar: Similar) -> None:
        """Take what was worked out before."""
        self._similar = similar

    def likeness(self, of: Owner, space: Space | None = None, by: By | None = None) -> Likeness:
        """How the log's items (or users) are alike in content, in behaviour, or in both, which is meant when no space is named.

        Where the recipe tells nothing but ids, behaviour is meant.
        """
        check_space(space, by)
        return self.similar.likeness(of, space or self.similar.usual_space(of), by or "cosine")

    def moved_items(
        self,
        users: Sequence[Any],
        items: Sequence[Any],
        context: Mapping[str, Any] | None = None,
        scenario: str | Mapping[str, Any] | None = None,
    ) -> NDArray[np.float32]:
        """The vector of each item as it is for the user beside it, in this context, `[n, width]`; for everybody the same unless items move.

        Args:
            users, items: Ids, pair by pair; a user never seen is a stranger.
            context, scenario: As `recommend` takes them, the same for all.

        Raises:
            TargetError: for an item that is not in the catalogue, or not one item per user.
            NotFittedError: before `fit`.
        """
        rows, queries = self._pairs(users, items, context, scenario)
        encoding = self.encode(self.batch_of(queries))
        with torch.inference_mode():
            vectors: NDArray[np.float32] = self.network.move(encoding, self.known.at(torch.from_numpy(rows)[:, None, None])).vectors.numpy()
        return vectors[:, 0, 0]

    def feature_weights(
        self,
        users: Sequence[Any],
        items: Sequence[Any],
        context: Mapping[str, Any] | None = None,
        scenario: str | Mapping[str, Any] | None = None,
        task: str | None = None,
    ) -> pl.DataFrame:
        """What of each item matters for the user beside it, in this context: how much each feature adds to the score.

        Args:
            users, items, context, scenario: As `moved_items` takes them.
            task: Whose score: raw, a logit for most tasks. That of `next_item` when absent, or of the first task without one.

        Returns:
            `user_id, item_id, feature, weight, share, nothing`, the strongest of each pair first: the weights of a pair and `nothing`, the
            score of an item of which nothing is known, add up to the item's score; `share` is of the weights without their signs.

        Raises:
            TargetError: as `moved_items`, and for a task that judges no items.
            NotFittedError: before `fit`.
        """
        rows, queries = self._pairs(users, items, context, scenario)
        names = pl.DataFrame({"user_id": [str(user) for user in users], "item_id": [str(item) for item in items]})
        found = feature_weights(self, queries, rows.tolist(), task)
        return pl.concat([names[found["pair"]], found.drop("pair")], how="horizontal")

    def _pairs(
        self, users: Sequence[Any], items: Sequence[Any], context: Mapping[str, Any] | None, scenario: str | Mapping[str, Any] | None
    ) -> tuple[NDArray[np.int64], Queries]:
        """Item rows `[n]`, and a query for each user beside them."""
        self._check_ready()
        rows = self._item_rows(users, items)
        return rows, Queries.now(self.log_, users, self._moment(len(users), context, scenario))

    def effects(self, query: Queries, rows: NDArray[np.int64], one_by_one: int) -> list[list[Effect]]:
        """Of events, profile, circumstances and the items' own columns; see `explanation.of_network`."""
        if not len(rows):
            return []
        usual = usual_factors(self.features)
        return network_effects(self, request_of(self, query), items_asked(self, rows), one_by_one, usual)

    @property
    def tells(self) -> list[str]:
        """What it reads: a past unless it reads none, and each owner that has features."""
        own = {"profile": "user", "context": "context", "scenario": "scenario", "item": "item"}
        counts = self.features.counters("context") or self.features.counters("candidate")
        past = ["history"] if self.network.history.reads or counts else []
        return [*past, *(kind for kind, owner in own.items() if self.features.parts[owner])]  # type: ignore[index]  # owners

    def attributions(self, query: Queries, rows: NDArray[np.int64]) -> list[list[Effect]]:
        """By integrated gradients; see `explanation.gradients`."""
        return attributions(self, query, request_of(self, query), rows, item_arrays(self, rows))

    def scenarios(self) -> list[str]:
        """Those of the training part, the most frequent first; of several columns the combinations in the log."""
        known = known_factors(self.features)
        return super().scenarios() if len(known) > 1 else [value for values in known.values() for value in values]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"recipe": self.recipe, "trainer": self.trainer}
