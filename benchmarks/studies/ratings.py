"""Two committed splits of ratings: MovieLens-100K's first (u1) and Douban as IMC-GAE and others were measured on it.

A test rating is predicted from all training ratings; no clock is looked at. Settings are chosen by RMSE on 5 % of the training ratings,
drawn with a seed and held out, in at most ten trials of one seed; models then learn from all training ratings. Of MovieLens the
portraits (gender, age, occupation) and contents (genres, spans of four years) may be read, of Douban the relations between users.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.regression import rmse
from penchant.models.classic import classic
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from penchant.studies.baselines import ItemMean
from penchant.studies.protocols.rating_prediction import Predicts, RatingPrediction
from studies.study import BOOTSTRAP, Outcome, gap, mark_of, numbers

TASK = "stars"
HELD_OUT, HELD_OUT_SEED = 0.05, 0
LEARNT, ASKED = 0.0, 1.0
RECIPE = f'[data]\nevents = {{ path = "ratings" }}\n[tasks.{TASK}]\nkind = "regression"\nlabel = "rating"\n'
FILMS = """[features]
user.gender = { kind = "category" }
user.age = { kind = "category" }
user.occupation = { kind = "category" }
item.genres = { kind = "categories", separator = " " }
item.era = { kind = "category" }
"""
FRIENDS = """[features.user.friends]
kind = "graph"
width = 0
column = "user_id"
edges = { path = "friends.csv", from = "one", to = "other" }
"""
ITEM_MEANS = "item_means"
Setting = dict[str, Any]
Predictions = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Variant:
    """A model of the study.

    Attributes:
        kind: Which model; None for the items' means.
        trials: Settings that are tried, the first of them the quick one's.
        base: The variant whose chosen setting these are put on top of; none when absent.
        features: The recipe's lines on what is told beside the ratings.
        rivals: Other variants of the study that it is compared with, fitted with the same seed.
    """

    kind: str | None
    trials: tuple[Setting, ...] = ({},)
    base: str | None = None
    features: str = ""
    rivals: tuple[str, ...] = (ITEM_MEANS,)


_BIASED = tuple(
    {"factors": factors, "regularisation": price} for factors, price in ((8, 0.1), (16, 0.05), (16, 0.1), (16, 0.2), (32, 0.1), (32, 0.2))
)
_ENCODED = tuple({"hide": hide, "regularisation": price} for hide in (0.5, 0.7) for price in (8.0, 16.0))
_BAYESIAN = tuple({"factors": factors, "directions": directions} for factors, directions in ((8, 100), (16, 100), (16, 200)))
_FRIENDS = tuple({"social": weight} for weight in (0.3, 1.0, 3.0))
_SHARED: dict[str, Variant] = {
    ITEM_MEANS: Variant(None, rivals=()),
    "biased_mf": Variant("biased_mf", _BIASED),
    "bayesian_mf": Variant("bayesian_mf", _BAYESIAN, rivals=(ITEM_MEANS, "biased_mf")),
}
_ENCODER = {"rating_autoencoder": Variant("rating_autoencoder", _ENCODED)}
_BESIDE = (ITEM_MEANS, "biased_mf", "bayesian_mf")
VARIANTS: dict[str, dict[str, Variant]] = {
    "ml-100k-u1": _SHARED | {"bayesian_mf_told": Variant("bayesian_mf", base="bayesian_mf", features=FILMS, rivals=_BESIDE)} | _ENCODER,
    "douban": _SHARED
    | {"bayesian_mf_social": Variant("bayesian_mf", _FRIENDS, base="bayesian_mf", features=FRIENDS, rivals=_BESIDE)}
    | _ENCODER,
}


@dataclass(frozen=True)
class Given:
    """A split as it was committed: `user_id, item_id, rating` of both parts, and tables by id where there are any."""

    train: pl.DataFrame
    test: pl.DataFrame
    users: pl.DataFrame | None = None
    items: pl.DataFrame | None = None
    relations: pl.DataFrame | None = None


@dataclass(frozen=True)
class Known:
    """Predictions that were made, as what makes them."""

    predicted: Predictions

    def predict(self, data: Dataset) -> dict[str, Predictions]:
        return {TASK: self.predicted}


class Ratings:
    """How far predicted ratings lie from those given."""

    headline = "rmse"
    quick = "biased_mf"

    def __init__(self, split: str, folder: Path) -> None:
        self.folder, self.variants = folder, VARIANTS[split]
        self.read = {"ml-100k-u1": movielens, "douban": douban}[split]
        self.models = tuple(self.variants)
        self.seeded = self.models[1:]
        self.place = TemporaryDirectory()  # where the relations lie as a table
        self.packed: dict[tuple[str, bool], tuple[Dataset, Dataset]] = {}
        self.found: dict[tuple[str, int], Predictions] = {}

    @cached_property
    def given(self) -> Given:
        given = self.read(self.folder)
        if given.relations is not None:
            given.relations.write_csv(Path(self.place.name) / "friends.csv")
        return given

    def parts(self, features: str, rehearsal: bool) -> tuple[Dataset, Dataset]:
        """What is learnt from and what is asked: all training ratings and the test, or most of the former and the rest of them."""
        if (features, rehearsal) not in self.packed:
            self.packed[features, rehearsal] = self._parts(features, rehearsal)
        return self.packed[features, rehearsal]

    def _parts(self, features: str, rehearsal: bool) -> tuple[Dataset, Dataset]:
        before, after = self.given.train, self.given.test
        if rehearsal:
            held = np.random.default_rng(HELD_OUT_SEED).random(len(before)) < HELD_OUT
            before, after = before.filter(~held), before.filter(held)
        events = pl.concat([before.with_columns(timestamp=LEARNT), after.with_columns(timestamp=ASKED)])
        recipe = Recipe.parse(RECIPE + features, Path(self.place.name))
        data = Dataset.from_frames(events, self.given.users, self.given.items, recipe)
        assert len(data) == len(events)
        asked = data.log.time == ASKED
        return data.part(np.flatnonzero(~asked)), data.part(np.flatnonzero(asked))

    def mark(self, model: str) -> str:
        variant = self.variants[model]
        beneath = self.mark(variant.base) if variant.base else ""
        return mark_of(RECIPE + json.dumps([variant.kind, variant.trials, variant.features]) + beneath)

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        setting, trials = (self.variants[model].trials[0], []) if seconds else self.chosen[model]
        predicted = self._predicted(model, seed, setting)
        _, test = self.parts("", rehearsal=False)
        metrics = RatingPrediction(TASK).measure({model: Known(predicted)}, test, BOOTSTRAP)[model]
        label, user = labels_of(test, TASK), test.log.user[test.rows]
        rivals = () if seconds else self.variants[model].rivals
        others = {rival: self._predicted(rival, seed, self.chosen[rival][0]) for rival in rivals}
        return Outcome(
            f"{setting}, best of {len(trials)} on {HELD_OUT:.0%} of the training ratings" if trials else f"{setting}",
            {name: numbers(value) for name, value in metrics.items()},
            {rival: {"rmse": gap(BOOTSTRAP.metric_difference(rmse, label, predicted, other, user))} for rival, other in others.items()},
            {"trials": trials} if trials else {},
        )

    @cached_property
    def chosen(self) -> "Chosen":
        return Chosen(self)

    def _predicted(self, model: str, seed: int, setting: Setting) -> Predictions:
        if (model, seed) not in self.found:
            train, test = self.parts(self.variants[model].features, rehearsal=False)
            self.found[model, seed] = fitted(self.variants[model], setting, seed, train).predict(test)[TASK]
        return self.found[model, seed]


class Chosen(dict[str, tuple[Setting, list[tuple[Setting, float]]]]):
    """Each model's best setting on the rehearsal, and every trial's RMSE; worked out when first asked for."""

    def __init__(self, study: Ratings) -> None:
        super().__init__()
        self.study = study

    def __missing__(self, model: str) -> tuple[Setting, list[tuple[Setting, float]]]:
        variant = self.study.variants[model]
        base = self[variant.base][0] if variant.base else {}
        settings = [base | setting for setting in variant.trials]
        trials: list[tuple[Setting, float]] = []
        if len(settings) > 1:
            train, asked = self.study.parts(variant.features, rehearsal=True)
            label = labels_of(asked, TASK)
            for setting in settings:
                predicted = fitted(variant, setting, 0, train).predict(asked)[TASK]
                trials.append((setting, round(rmse(label, predicted), 5)))
        self[model] = min(trials, key=lambda each: each[1])[0] if trials else settings[0], trials
        return self[model]


class Means:
    """The items' means as a model."""

    def __init__(self, train: Dataset) -> None:
        self.means = ItemMean(train, TASK)

    def predict(self, data: Dataset) -> dict[str, Predictions]:
        return {TASK: self.means.predict(data)}


def fitted(variant: Variant, setting: Setting, seed: int, train: Dataset) -> Predicts:
    """The variant, having learnt."""
    if variant.kind is None:
        return Means(train)
    model = classic(Part(kind=variant.kind, **setting, seed=seed)).fit(train)
    assert isinstance(model, Predicts)
    return model


def movielens(folder: Path) -> Given:
    """u1.base and u1.test, with people and films."""
    columns = ["user_id", "item_id", "rating", "timestamp"]
    base, test = (
        pl.read_csv(folder / "u_splits" / f"u1.{part}", separator="\t", has_header=False, new_columns=columns) for part in ("base", "test")
    )
    people, films = (pl.read_csv(folder / f"ml-100k.{table}", separator="\t", infer_schema=False) for table in ("user", "item"))
    names = {"user_id:token": "user_id", "age:token": "age", "gender:token": "gender", "occupation:token": "occupation"}
    age = (pl.col("age").cast(pl.Int64) // 7).cast(pl.String)
    era = (pl.col("release_year:token").cast(pl.Int64, strict=False) // 4).cast(pl.String)
    return Given(
        *(part.select("user_id", "item_id", pl.col("rating").cast(pl.Float64)).with_columns(_ids()) for part in (base, test)),
        people.select(pl.col(name).alias(own) for name, own in names.items()).with_columns(age),
        films.select(pl.col("item_id:token").alias("item_id"), pl.col("class:token_seq").alias("genres"), era.alias("era")),
    )


def douban(folder: Path) -> Given:
    """The ratings that the masks Otraining and Otest name, and the relations W_users; the file is HDF5, transposed."""
    import h5py

    with h5py.File(folder / "training_test_dataset.mat") as file:
        rating, learnt, asked, beside = (file[name][()].T for name in ("M", "Otraining", "Otest", "W_users"))
    parts = []
    for mask in (learnt, asked):
        user, item = np.nonzero(mask)
        parts.append(pl.DataFrame({"user_id": user, "item_id": item, "rating": rating[user, item]}).with_columns(_ids()))
    one, other = np.nonzero(beside)
    return Given(*parts, relations=pl.DataFrame({"one": one, "other": other}))


def _ids() -> list[pl.Expr]:
    return [pl.col(name).cast(pl.String) for name in ("user_id", "item_id")]


def study(split: str, data: Path) -> Ratings:
    """ml-100k-u1 or douban."""
    return Ratings(split, data / ("ml-100k" if split == "ml-100k-u1" else split))
