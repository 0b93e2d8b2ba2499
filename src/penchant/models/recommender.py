"""The face every model has: fit, score, recommend."""

import inspect
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from penchant.data.dataset import Dataset
from penchant.data.log import Log
from penchant.data.scenario import scenario_names
from penchant.features.category import Category
from penchant.features.feature_set import FeatureSet
from penchant.funnel.item_table import ItemTable, item_table
from penchant.funnel.plan import Plans
from penchant.models.explanation.cause import Effect
from penchant.models.explanation.of_past import past_effects
from penchant.models.explanation.table import explained
from penchant.models.explanation.telling import Telling, plain
from penchant.models.listed import Asking, listed
from penchant.models.queries import Queries, moment_columns
from penchant.models.similar import spaces, table
from penchant.models.similar.likeness import ByModel, Likeness, unsupported
from penchant.schema.errors import NotFittedError, TargetError, UnsupportedError, did_you_mean
from penchant.schema.language import Language
from penchant.schema.recipe import Recipe
from penchant.schema.sections.explanations import ExplanationsSettings
from penchant.schema.settings import settings_of
from penchant.schema.space import Range

BLOCK = 1024  # queries scored at a time: 1024 x 50,000 items x 4 bytes = 200 MB
Unknown = Literal["fallback", "warn", "raise"]
Method = Literal["leave_one_out", "gradients"]
REASON = {"kind": pl.String, "name": pl.String, "effect": pl.Float64, "text": pl.String}


class Recommender(ABC):
    """Base of all models. A subclass fills in `_learn` and `scores`, and `state` and `restore` to be saved.

    Settings are constructor arguments of the same name; their annotations say what they may be and are held to when the model is
    fitted, or chosen by a recipe's `[model]`.

    Attributes:
        kind: What a recipe calls the model; None for one that recipes cannot choose.
        space: Settings worth trying, and from what range; the default of each lies within.
        recipe_: What the columns mean, once fitted.
        log_: The log it was fitted on; histories of known users come from here.
        data_: The part it was fitted on; absent on a model that was loaded.
        valid_: The part that early stopping may look at; None when there is none.
    """

    kind: ClassVar[str | None] = None
    space: ClassVar[Mapping[str, Range]] = {}
    recipe_: Recipe
    log_: Log
    data_: Dataset
    valid_: Dataset | None

    @abstractmethod
    def _learn(self, data: Dataset) -> None:
        """Learn from the part's rows; `self.log_` and `self.recipe_` are set."""

    @abstractmethod
    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """How well each catalogue item suits each query, `[queries, items]`; higher is better, always finite."""

    def fit(self, data: Dataset, valid: Dataset | None = None) -> Self:
        """Learn from a data set's rows.

        Args:
            data: What is learnt from.
            valid: What early stopping looks at, in models that stop early.

        Raises:
            RecipeError: for a setting that is not what the constructor's annotations say.
            DataError: when nothing can be learnt from the data.
        """
        if self.kind is not None:
            settings_of(type(self), f"model '{self.kind}'", self.get_params())
        self.log_, self.recipe_, self.data_, self.valid_ = data.log, data.recipe, data, valid
        try:
            Plans(data.recipe.serving).check(self.item_table, self.has_vectors)
            self._learn(data)
        except BaseException:
            del self.log_  # a model that could not learn is not fitted
            raise
        return self

    def item_similarities(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """How alike some items are to all items, `[rows, items]`; 0 or less for what has nothing in common.

        Raises:
            TargetError: for a model that does not hold items against each other.
        """
        raise unsupported("item", f"a {type(self).__name__}", "Train one of kind 'item_knn' or 'ease', or the network.")

    def likeness(self, of: spaces.Owner, space: spaces.Space | None = None, by: spaces.By | None = None) -> Likeness:
        """How items are held against items, or users against users; in the model's own way where nothing is asked for.

        Raises:
            TargetError: for a space or measure that there is not, or that the model does not have.
        """
        check_space(space, by)
        if of == "user":
            raise unsupported(of, f"a {type(self).__name__}")
        if type(self).item_similarities is Recommender.item_similarities:
            self.item_similarities(np.zeros(0, dtype=np.int64))  # says that it cannot
        only_behaviour(self, space)
        if by is not None:
            do = "Leave `by` out, or train the network."
            raise UnsupportedError(
                f"by '{by}'", must="left to the model", came=f"a {type(self).__name__}, which has its own measure", do=do
            )
        return ByModel(self.item_similarities)

    def similar_items(
        self,
        items: Sequence[Any],
        k: int = 10,
        *,
        space: spaces.Space | None = None,
        by: spaces.By | None = None,
        unknown: spaces.Unknown = "raise",
    ) -> pl.DataFrame:
        """The k items most like each one.

        Args:
            items: Item ids; or, for a model that reads features, columns of an item nobody has seen, as in `{"plot": "Two robots."}`.
            k: Items of each, 1 up to the catalogue's size; fewer come where fewer are known in the space.
            space: In what they are alike: `"content"`, what the features other than ids tell of them; `"behaviour"`, who had them;
                `"joint"`, the mean of both likenesses, one that is not known counting as 0. The model's own when absent: joint for the
                network, behaviour for others.
            by: `"cosine"` or `"pearson"`; cosine when absent, or the model's own measure where it holds items against each other itself.
            unknown: What to do about ids not in the catalogue and items without a place in the space: raise, warn and leave them out,
                or leave them out (`"skip"`). An item without events has no behaviour, and is never listed in that space.

        Returns:
            `item_id, rank, other_id, score`, the most alike first and never the item itself; `item_id` is missing where no id was told.

        Raises:
            TargetError: for a wrong argument, or what is unknown when `unknown = "raise"`. UnsupportedError, one of them, says what the
                model cannot do.
            NotFittedError: before `fit`.
        """
        self._check_ready()
        return table.similar(self.likeness("item", space, by), "item", self.items["item_id"], items, k, unknown=unknown)

    def similar_users(
        self,
        users: Sequence[Any],
        k: int = 10,
        *,
        space: spaces.Space | None = None,
        by: spaces.By | None = None,
        friends: spaces.Friends = "any",
        unknown: spaces.Unknown = "raise",
    ) -> pl.DataFrame:
        """The k users most like each one.

        Args:
            users: User ids; or, for a model that reads features, columns of a user nobody has seen, as in `{"age": 30}`.
            k: Users of each, 1 up to as many as the log has; fewer come where fewer are known in the space.
            space: `"content"`, what is told of them (profile, text); `"behaviour"`, their histories; `"joint"`, both, as of items.
            by: As of items.
            friends: `"only"` lists those known to be related to the user (a relation task of the recipe, or a graph feature of users),
                `"none"` leaves them out, for whom to know next.
            unknown: As of items; a user without a history has no behaviour.

        Returns:
            `user_id, rank, other_id, score, related`, the most alike first and never the user; `related` tells who is known to be.

        Raises:
            TargetError, NotFittedError: As of items.
        """
        self._check_ready()
        ids = self.log_.users["user_id"]
        return table.similar(self.likeness("user", space, by), "user", ids, users, k, friends=friends, unknown=unknown)

    def scenarios(self) -> list[str]:
        """The scenarios that may be named, the most frequent first; none where the recipe has but one."""
        settings = self.recipe_.scenario
        if not settings.named:
            return []
        names = scenario_names(settings, self.log_.take(list(settings.named), slice(None))).drop_nulls().cast(pl.String)
        found: list[str] = names.value_counts(sort=True)[names.name].to_list()
        return found

    def state(self) -> dict[str, NDArray[Any]]:
        """What was learnt, as arrays by name: with settings, recipe and log all there is to a fitted model.

        Raises:
            TargetError: for a model that does not say.
        """
        do = "Give the class state() and restore(arrays)."
        raise TargetError(f"a {type(self).__name__}", must="a model that can be saved", came="one without state()", do=do)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`; `log_` and `recipe_` are set."""
        raise NotImplementedError

    @property
    def items(self) -> pl.DataFrame:
        """The catalogue in row order."""
        return self.log_.items

    def recommend(
        self,
        users: Sequence[Any],
        k: int = 10,
        *,
        context: Mapping[str, Any] | None = None,
        scenario: str | Mapping[str, Any] | None = None,
        exclude_seen: bool = True,
        unknown: Unknown = "fallback",
        filter: str | None = None,
        diversity: float | Mapping[str, Any] | None = None,
        explain: bool = False,
    ) -> pl.DataFrame:
        """The best k items for each user, now; by the funnel of the recipe's `[serving]`.

        Args:
            users: User ids; one never seen gets what suits everybody.
            k: Items per user, 1 up to the catalogue's size.
            context: Values of context columns, the same for all; `time` stands for `timestamp` (seconds or datetime).
            scenario: Value of the scenario column; of several columns `{column: value}`. For a column that neither it nor the context
                names, the training part's most frequent value.
            exclude_seen: Leave out items the user has events with.
            unknown: What to do about user ids never seen.
            filter: Only items that pass come, beside the recipe's own filter: `"item.year >= 1990 and 'Drama' in item.genres"`. See
                docs/filter.md.
            diversity: How various a list is, 0 (by score alone) to 1; or some of the keys of `[serving.diversity]`, as in
                `{"method": "dpp", "strength": 0.4}`.
            explain: Whether the table says what moved each item, and why it is in the list: every item costs as much as a request.

        Returns:
            `user_id, rank, item_id, score`, the first first; with `explain` also `rules`, names of what moved the item, and `reasons`,
            as the service words them: `{kind, name, effect, text}`, the first of them a sentence. Where a rule moved an item, scores need
            not fall from rank to rank.

        Raises:
            TargetError: when k is out of range, a column names no scenario, or a user is unknown and `unknown = "raise"`.
            FilterError: for a filter that cannot be read, or asks for what the columns do not tell.
            RecipeError: for diversity that is none. UnsupportedError, a TargetError, for one that the model cannot bring about.
            NotFittedError: before `fit`.
        """
        self._check_ready()
        k = self._checked_k(k)
        self._check_users(users, unknown)
        queries = Queries.now(self.log_, users, self._moment(len(users), context, scenario))
        rows, scores, rules = listed(self, queries, k, Asking(exclude_seen, filter, diversity, explain))
        ids = [str(user) for user in users]
        names = pl.Series("user_id", [name for name in ids for _ in range(k)], dtype=pl.String)
        frame = pl.DataFrame({"user_id": names, "rank": np.tile(np.arange(1, k + 1), len(ids))})
        kept = rows.ravel() >= 0
        items = self.items["item_id"].gather(np.maximum(rows.ravel(), 0))
        frame = frame.with_columns(items.alias("item_id"), pl.Series("score", scores.ravel()))
        if explain:
            frame = frame.with_columns(pl.Series("rules", rules, dtype=pl.List(pl.String)), self._reasons(queries, rows))
        return frame.filter(pl.Series(kept))

    def explain(
        self,
        users: Sequence[Any],
        items: Sequence[Any],
        context: Mapping[str, Any] | None = None,
        scenario: str | Mapping[str, Any] | None = None,
        *,
        share: float | None = None,
        history: int | None = None,
        language: Language | None = None,
        method: Method = "leave_one_out",
    ) -> pl.DataFrame:
        """What moved the score of each item for the user beside it: the score with each cause less the score without it.

        Args:
            users, items: Ids, pair by pair; a user never seen is a stranger.
            context, scenario: As `recommend` takes them, the same for all.
            share: Causes with a smaller share of the effects on their side (who asks and when, or the item), taken without their signs, are
                left out; 0 keeps all that have any.
            history: How many of the newest events are causes by themselves; the older ones are one cause together.
            language: Of `text`. All three as the recipe's `[serving.explanations]` says when absent.
            method: `"leave_one_out"`, or `"gradients"`: integrated gradients of the network's embeddings (needs captum), of every event by
                itself; they add up, and cannot be held against a request.

        Returns:
            `user_id, item_id, kind, name, value, time, events, effect, share, text` and `effect_TASK` for each task, the strongest of each
            pair first. `effect` is of the score that lists are ordered by, before rules; those of tasks are of their own predictions.
            A model that reads no features tells of the past alone; effects need not add up to the score, which is no sum.

        Raises:
            TargetError: for an item that is not in the catalogue, or not one item per user, or a number out of range. UnsupportedError,
                one of them, for gradients of a model that has none.
            RecipeError: where captum is not installed.
            NotFittedError: before `fit`.
        """
        self._check_ready()
        spaces.one_of("method", method, Method)
        rows = self._item_rows(users, items)
        told = {name: value for name, value in (("share", share), ("history", history)) if value is not None}
        settings = _with(self.recipe_.serving.explanations, told)
        queries = Queries.now(self.log_, users, self._moment(len(users), context, scenario))
        ask = self.attributions if method == "gradients" else partial(self.effects, one_by_one=settings.history)
        return explained(ask, queries, rows, [str(user) for user in users], self._telling(language, settings.share))

    def effects(self, query: Queries, rows: NDArray[np.int64], one_by_one: int) -> list[list[Effect]]:
        """What each cause adds to each item's score for one who asks, the strongest first, `[rows]` lists.

        Args:
            query: One.
            rows: Of the items.
            one_by_one: How many of the newest events are causes by themselves; those before them are one together.
        """
        return past_effects(self.scores, query, rows, one_by_one)

    @property
    def tells(self) -> list[str]:
        """The kinds of causes that `effects` can find; a model that reads no features can tell of the past alone."""
        return ["history"]

    def attributions(self, query: Queries, rows: NDArray[np.int64]) -> list[list[Effect]]:
        """As `effects`, by gradients. Raises UnsupportedError for a model that has none."""
        do = "Leave `method` out, or train the network."
        raise UnsupportedError("method 'gradients'", must="asked of the network", came=f"a {type(self).__name__}", do=do)

    def _telling(self, language: Language | None = None, share: float | None = None) -> Telling:
        column = self.recipe_.data.title
        titles = self.items[column] if column and column in self.items.columns else None

        def names(row: int) -> tuple[str, str | None]:
            title = None if titles is None else titles[row]
            title = plain(title.to_list() if isinstance(title, pl.Series) else title)
            return self.items["item_id"][row], " ".join(map(str, title)) if isinstance(title, list) else None if title is None else str(
                title
            )

        return Telling(self.recipe_, self.log_, names, language, share)

    def _reasons(self, queries: Queries, rows: NDArray[np.int64]) -> pl.Series:
        """Of each place of the lists `[queries, k]`, list after list; none where a list is shorter."""
        telling, settings, found = self._telling(), self.recipe_.serving.explanations, []
        for place, own in enumerate(rows):
            effects = self.effects(queries.take(np.array([place])), own[own >= 0][: settings.items], settings.history)
            found += [[{name: each.get(name) for name in REASON} for each in telling.reasons(one)] for one in effects]
            found += [[]] * (len(own) - len(effects))
        return pl.Series("reasons", found, dtype=pl.List(pl.Struct(REASON)))

    @property
    def item_table(self) -> ItemTable:
        """The catalogue's columns, as filters and rules read them."""
        kept: tuple[Log, ItemTable] | None = getattr(self, "_item_table", None)
        if kept is None or kept[0] is not self.log_:
            recipe, log = self.recipe_, self.log_
            kept = self._item_table = log, item_table(recipe, log.users, self.items, {*moment_columns(recipe), *log.columns})
        return kept[1]

    @property
    def item_rows(self) -> dict[str, int]:
        """Item rows by id."""
        kept: tuple[Log, dict[str, int]] | None = getattr(self, "_item_rows_kept", None)
        if kept is None or kept[0] is not self.log_:
            kept = self._item_rows_kept = self.log_, dict(zip(self.items["item_id"], range(len(self.items)), strict=True))
        return kept[1]

    def vectors_of(self, rows: NDArray[np.integer]) -> NDArray[np.float32] | None:
        """Vectors of some items, by which they are alike `[rows, width]`; None where the model has none."""
        return None

    @property
    def has_vectors(self) -> bool:
        """Whether `vectors_of` knows any."""
        return type(self).vectors_of is not Recommender.vectors_of

    def pasts(self, queries: Queries) -> list[NDArray[np.int64]]:
        """Item rows of the events of each query's past that enter histories, an item as often as it was had."""
        query, rows = queries.known()
        if queries.log.in_history is not None:
            kept = queries.log.in_history[rows]
            query, rows = query[kept], rows[kept]
        ends = np.searchsorted(query, np.arange(1, len(queries) + 1))
        items = queries.log.item[rows].astype(np.int64)
        return np.split(items, ends[:-1]) if len(queries) else []

    def score(self, users: Sequence[Any], items: Sequence[Any], context: Mapping[str, Any] | None = None) -> NDArray[np.float32]:
        """Scores of user-item pairs `[n]`, on the scale `recommend` orders by, in the same scenario.

        Raises:
            TargetError: for an item that is not in the catalogue, or not one item per user.
            NotFittedError: before `fit`.
        """
        self._check_ready()
        rows = self._item_rows(users, items)
        queries = Queries.now(self.log_, users, self._moment(len(users), context, None))
        return self.scores_of(queries, rows[:, None])[:, 0]

    def _item_rows(self, users: Sequence[Any], items: Sequence[Any]) -> NDArray[np.int64]:
        """The row of each item `[n]`, one beside each user."""
        self._check_users(users, "fallback")
        if len(users) != len(items):
            raise TargetError(
                "items", must=f"one per user ({len(users):,})", came=f"{len(items):,}", do="Give pairs: users and items of one length."
            )
        known = dict(zip(self.items["item_id"], range(len(self.items)), strict=True))
        strange = [item for item in items if str(item) not in known]
        if strange:
            raise TargetError(
                f"item '{strange[0]}'", must="in the catalogue", came="an id it does not hold", do=did_you_mean(str(strange[0]), known)
            )
        return np.array([known[str(item)] for item in items], dtype=np.int64)

    def scores_of(self, queries: Queries, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Scores of some item rows of each query, `[queries, rows]`, on the scale that `top` orders by."""
        self._check_ready()
        starts = range(0, len(rows), BLOCK)
        blocks = [self._scores_of(block, rows[start : start + BLOCK]) for start, block in zip(starts, queries.blocks(BLOCK), strict=True)]
        return np.concatenate(blocks) if blocks else np.zeros(rows.shape, dtype=np.float32)

    def _scores_of(self, queries: Queries, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        chosen: NDArray[np.float32] = np.take_along_axis(self.scores(queries), rows, axis=1)
        return chosen

    def top(
        self, queries: Queries, k: int, *, exclude_seen: bool = True, ranked: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best k item rows of each query and their scores, best first, `[queries, k]`; -1 where fewer are left.

        Args:
            queries: Who asks.
            k: Items per query; may be more than there are.
            exclude_seen: Leave out items that the user has events with.
            ranked: Which items may be listed `[items]`; all when absent.
        """
        self._check_ready()
        found = min(k, len(self.items))
        rows, scores = np.full((len(queries), k), -1, dtype=np.int64), np.full((len(queries), k), -np.inf, dtype=np.float32)
        for place, block in enumerate(queries.blocks(BLOCK)):
            part = slice(place * BLOCK, place * BLOCK + len(block))
            rows[part, :found], scores[part, :found] = self._top_block(block, found, exclude_seen, ranked)
        return rows, scores

    def _top_block(
        self, queries: Queries, k: int, exclude_seen: bool, ranked: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        scores = without(self.scores(queries), queries, exclude_seen, ranked)
        best = torch.from_numpy(scores).topk(k, dim=1)
        values: NDArray[np.float32] = best.values.numpy()
        return np.where(np.isfinite(values), best.indices.numpy(), -1), values

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings given to the constructor."""
        return {name: getattr(self, name) for name in inspect.signature(type(self).__init__).parameters if name != "self"}

    def set_params(self, **settings: Any) -> Self:
        """Change settings; unknown ones are refused."""
        known = self.get_params()
        for name, value in settings.items():
            if name not in known:
                raise TargetError(
                    f"setting '{name}' of {type(self).__name__}",
                    must="a known setting",
                    came="an unknown one",
                    do=did_you_mean(name, known),
                )
            setattr(self, name, value)
        return self

    def _check_ready(self) -> None:
        if not hasattr(self, "log_"):
            raise NotFittedError(type(self).__name__)

    def _checked_k(self, k: int) -> int:
        whole = isinstance(k, Integral) and not isinstance(k, bool)
        if not whole or not 1 <= k <= len(self.items):
            do = "Ask for at least one item." if not whole or k < 1 else "Ask for no more than there are."
            raise TargetError("k", must=f"a whole number from 1 to {len(self.items):,} (the catalogue)", came=repr(k), do=do)
        return int(k)

    def _check_users(self, users: Sequence[Any], unknown: Unknown) -> None:
        if isinstance(users, str):
            raise TargetError("users", must="a list of user ids", came=f"the text '{users}'", do=f"Write ['{users}'].")
        if unknown == "fallback":
            return
        known = set(self.log_.users["user_id"])
        strange = [str(user) for user in users if str(user) not in known]
        if strange:
            error = TargetError(
                f"user '{strange[0]}'",
                must="in the log",
                came=f"{len(strange)} of {len(users)} users it does not hold",
                do="Use unknown='fallback' to get what suits everybody.",
            )
            if unknown == "raise":
                raise error
            warnings.warn(str(error), stacklevel=3)

    def _moment(self, count: int, context: Mapping[str, Any] | None, scenario: str | Mapping[str, Any] | None) -> pl.DataFrame:
        values = dict(context or {})
        time = values.pop("time", values.pop("timestamp", None))
        time = datetime.now(UTC) if time is None else time
        if not isinstance(time, datetime | Real):
            raise TargetError(
                "context 'time'",
                must="seconds since 1970 or a datetime",
                came=repr(time),
                do="For example 1650888000 or datetime(2022, 4, 25).",
            )
        time = time.timestamp() if isinstance(time, datetime) else float(time)
        usual = usual_factors(getattr(self, "features", None))  # models without features do not look at the scenario
        values = dict.fromkeys(self.recipe_.scenario.named) | usual | values | self.recipe_.scenario.values(scenario)
        known = moment_columns(self.recipe_)
        for name in values:
            if name not in known:
                raise TargetError(
                    f"context '{name}'", must="a context column of the recipe", came="an unknown name", do=did_you_mean(name, known)
                )
        return pl.DataFrame({"timestamp": [time] * count, **{name: [value] * count for name, value in values.items()}})


def _with(settings: ExplanationsSettings, told: Mapping[str, Any]) -> ExplanationsSettings:
    """The recipe's settings and, in their place, those that a caller tells. Raises TargetError."""
    try:
        return ExplanationsSettings.model_validate(settings.model_dump() | dict(told))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = str(fault["loc"][0])
        do = "0 ≤ share < 1, 1 ≤ history ≤ 1,000."
        raise TargetError(name, must=fault["msg"].removeprefix("Input should be "), came=repr(told.get(name)), do=do) from None


def check_space(space: Any, by: Any) -> None:
    """Refuse a space or a measure that there is not; None is none. Raises TargetError."""
    if space is not None:
        spaces.one_of("space", space, spaces.Space)
    if by is not None:
        spaces.one_of("by", by, spaces.By)


def only_behaviour(model: Recommender, space: spaces.Space | None) -> None:
    """Refuse any space but behaviour. Raises UnsupportedError."""
    if space not in (None, "behaviour"):
        came, do = f"a {type(model).__name__}, which knows who had what", "Leave `space` out, or train the network."
        raise UnsupportedError(f"space '{space}'", must="asked of a model that reads features", came=came, do=do)


def without(scores: NDArray[np.float32], queries: Queries, exclude_seen: bool, ranked: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """The scores `[queries, items]` with -inf, in place, for items that may not be listed."""
    if exclude_seen:
        scores[queries.seen()] = -np.inf
    if ranked is not None:
        scores[:, ~ranked] = -np.inf
    return scores


def usual_factors(features: FeatureSet | None) -> dict[str, str]:
    """What stands for a scenario that nobody names, `{column: value}`: each one's most frequent of the training part, where it has any."""
    values = known_factors(features)
    return {name: known[0] for name, known in values.items() if known}


def known_factors(features: FeatureSet | None) -> dict[str, list[str]]:
    """The values of every column that names scenarios, the training part's most frequent first."""
    fitted = features.features["scenario"] if features else {}
    return {name: feature.state()[0]["values"] for name, feature in fitted.items() if feature.kind == Category.kind}
