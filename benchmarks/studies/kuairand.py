"""KuaiRand by rolling origin: 1–5 May, each day learnt from all days before, every impression as of its own time.

Settings are tuned on 30 April alone; no fit of the five days stops early. Metrics are of the five days' impressions together, each
predicted by its own day's model. Predictions are kept in benchmarks/cache/kuairand, so that a stopped run goes on where it was and
`--again` makes rows anew, with differences to whatever has been predicted since.

What single parts are worth is judged on 5 May alone, each part by the network without it of the same day and seed.

Inside scenarios: the AUC within each tab; `auc within 0 2 4 6` is the mean of the AUC within those four, weighted by their impressions,
and `auc pooled 0 2 4 6` one AUC of all of them.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.evaluation.metrics.auc import auc
from penchant.features.feature import as_number
from penchant.features.feature_set import Encoded, FeatureSet
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.errors import RecipeError
from penchant.studies.baselines import ItemMean
from penchant.training.trainer import NetworkTrainer
from studies import kuairand_rivals as rivals
from studies.kuairand_days import DAYS, LABELS, Changes, Days, what_is_learnt, what_is_read
from studies.kuairand_export import Export
from studies.kuairand_judged import SCENARIOS, Judged, Predictions
from studies.paired import Drawn
from studies.study import Numbers, Outcome, commit, mark_of, processor_seconds

CACHE = Path(__file__).resolve().parents[1] / "cache" / "kuairand"
CUTS = (3000, 1000, 300)
EARLIER = ("was_long", "was_liked")
"""Tasks that learn what the sequences before 25 April tell."""
FITS = "fits.jsonl"
"""Beside predictions: of each day's fit the commit and the seconds, for a row may be made anew from predictions of before."""
QUICK_USERS = 8
"""The quick look reads one user in so many."""


@dataclass(frozen=True)
class Variant:
    """Our network with one change.

    Attributes:
        changes: Of the recipe; see `recipe_of_day`.
        apart: Whether each of `SCENARIOS` has a network of its own, which learns from that tab's impressions alone.
        own_log: Whether what these networks read, features and histories, is without the other tabs' impressions too.
        cut: Training impressions left in each of `SCENARIOS`, drawn by the seed; None leaves all.
    """

    changes: Changes = field(default_factory=dict)
    apart: bool = False
    own_log: bool = False
    cut: int | None = None


def _only(task: str) -> Variant:
    """One task alone; early stopping, which would watch another, is not used anyway."""
    return Variant({"tasks": {name: None for name in (*LABELS, *EARLIER) if name != task}, "training": {"watch": None}})


def _part(slot: str, kind: str, **settings: Any) -> Variant:
    return Variant({"network": {slot: {"kind": kind, **settings}}})


NETWORKS: dict[str, Variant] = {
    "network": Variant(),
    "network_click": _only("click"),
    "network_long_view": _only("long_view"),
    "network_like": _only("like"),
    "without_earlier": Variant({"tasks": dict.fromkeys(EARLIER)}),
    "network_adapters": _part("scenario", "adapters"),
    "network_per_scenario": Variant(apart=True),
    "network_per_scenario_own_log": Variant(apart=True, own_log=True),
    **{f"network_cut_{rows}": Variant(cut=rows) for rows in CUTS},
    **{f"network_per_scenario_cut_{rows}": Variant(apart=True, cut=rows) for rows in CUTS},
    "one_answer": Variant({"network": {"members": 1}}),
    "without_numbers": Variant({"network": {"numbers": False}}),
    "without_mean_weights": Variant({"training": {"average": 0.0}}),
    "without_scenario": _part("scenario", "none"),
    "scenario_adapters": _part("scenario", "adapters"),
    "experts_shared_bottom": _part("experts", "shared_bottom"),
    "experts_ple": _part("experts", "ple"),
    **{f"balance_{kind}": Variant({"training": {"balance": {"kind": kind}}}) for kind in ("equal", "uncertainty", "famo")},
    **{
        f"funnel_{way}": Variant({"tasks": {"long_view": {"kind": "binary", "label": "long_view", "after": "click", "funnel": way}}})
        for way in ("whole_space", "masked")
    },
    "without_cross_attention": _part("candidate", "none"),
    "without_self_attention": _part("history", "transformer", layers=0),
    "context_gaussian": _part("context", "gaussian"),
}
"""Further ones and changes to these are lines here; what a recipe already says needs no row of its own."""
WHOLE = ("network", *(name for name in NETWORKS if name.startswith("network_")))
"""Those that are judged on all five days, with fewer rows with their first seed only; the others, single parts, on the last."""


@dataclass
class Trainer(NetworkTrainer):
    """Fits features once for all networks that learn from the same part and read the same."""

    fitted: dict[str, tuple[FeatureSet, Encoded]] = field(default_factory=dict)

    def fit_features(self, recommender: NetworkRecommender, data: Dataset) -> None:
        """Fit its features in place, or take those of the network before."""
        told = recommender.recipe.model_dump_json(include={"data", "features", "scenario", "history"})
        key = mark_of(told + sha256(data.rows.tobytes()).hexdigest())
        if key not in self.fitted:
            super().fit_features(recommender, data)
            self.fitted = dict(list(self.fitted.items())[1 - len(DAYS) :]) | {key: (recommender.features, recommender.encoded(data.log))}
        recommender.features, encoded = self.fitted[key]
        recommender.keep(data.log, encoded)


class KuaiRand:
    """Click, long view, like and, without a bar, follow.

    Args:
        folder: The data.
        peers: The folder of the rivals' virtual environments.
        say: Told what is skipped and which day is done.
    """

    headline = "click.auc"
    models = ("item_mean", *rivals.RIVALS, *NETWORKS)
    seeded = (*(name for name, rival in rivals.RIVALS.items() if rival.seeded), *NETWORKS)
    quick = "network"

    def __init__(self, folder: Path, peers: Path | None = None, say: Callable[[str], None] = print) -> None:
        self.folder, self.peers, self.say = folder, peers, say
        self.days = Days(folder)
        self.export = Export(self.days, CACHE / "days")
        self.trainer = Trainer()

    def mark(self, model: str) -> str:
        if model == "item_mean":
            return mark_of(model)
        if model in rivals.RIVALS:
            settings = rivals.chosen(model) if rivals.trials(model) else {}
            return mark_of(f"{model} {settings} {what_is_read()}")
        variant = NETWORKS[model]
        form = f"{variant.apart} {variant.cut}" + (" own log" if variant.own_log else "")
        return mark_of(what_is_learnt(variant.changes) + form)

    def skipped(self, model: str) -> str | None:
        """Why a model cannot be run here; None where it can."""
        try:
            kept = self._kept(model, 0)
        except RecipeError as error:
            return f"{model}: skipped, {error}"
        if model not in rivals.RIVALS or kept is not None:
            return None
        untuned = None if rivals.trials(model) else f"{model}: skipped, nothing tried on 30 April yet (benchmarks/tune_kuairand.py)"
        return untuned or rivals.missing(model, self.peers)

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        if seconds is not None:
            return self._capped(model, seed, seconds)
        days = self._days_of(model, seed)
        scores, judged = self._predictions(model, seed), self.judged[days]
        drawn = self._drawn(model, seed, days)
        others = {name: 0 if self._kept(name, seed, days) is None else seed for name in self._rivals_of(model, days)}
        gaps = {name: judged.gaps(drawn, self._drawn(name, other, days)) for name, other in others.items()}
        fits = [json.loads(line) for line in (self._folder(model, seed) / FITS).read_text(encoding="utf8").splitlines()]
        notes: dict[str, Any] = {"days": judged.by_day(scores), "rivals' seeds": others, "fits": fits}
        if model in rivals.RIVALS:
            notes |= {"trials": rivals.trials(model)}
        return Outcome(self._setting(model, days), judged.metrics(drawn), gaps, notes)

    def _setting(self, model: str, days: tuple[str, ...]) -> str:
        if model == "item_mean":
            return "smoothed rate of the item on the days before"
        if model in rivals.RIVALS:
            return f"{rivals.chosen(model)}, best of {len(rivals.trials(model))} on 30 April"
        alone = "" if days == DAYS else ", 5 May alone"
        return f"recipes/kuairand.toml, {NETWORKS[model]}{alone}"

    @staticmethod
    def _days_of(model: str, seed: int) -> tuple[str, ...]:
        """All five; the last alone for single parts, and for the further seeds of networks that learn from fewer rows."""
        if model in NETWORKS and (model not in WHOLE or (NETWORKS[model].cut is not None and seed > 0)):
            return DAYS[-1:]
        return DAYS

    def _rivals_of(self, model: str, days: tuple[str, ...]) -> list[str]:
        """What has predicted these days and a model is compared with: item mean, rivals, the network; its forms with each other."""
        names = ["item_mean", *rivals.RIVALS, *(WHOLE if model in WHOLE else ["network"])]
        return [name for name in names if name != model and self._kept(name, 0, days) is not None]

    @cached_property
    def judged(self) -> dict[tuple[str, ...], Judged]:
        """The impressions of the five days, and of the last."""
        return {chosen: Judged(self.days, chosen) for chosen in (DAYS, DAYS[-1:])}

    def _folder(self, model: str, seed: int) -> Path:
        return CACHE / "predictions" / f"{model}-{self.mark(model)}-{seed}"

    def _kept(self, model: str, seed: int, days: tuple[str, ...] | None = None) -> Predictions | None:
        """What has been predicted of the model's days, or of these; None where a day is missing."""
        files = [self._folder(model, seed) / f"{day}.npy" for day in days or self._days_of(model, seed)]
        return np.concatenate([np.load(file) for file in files]) if all(file.is_file() for file in files) else None

    def _predictions(self, model: str, seed: int) -> Predictions:
        """Of the model's days; what is missing is fitted now."""
        folder = self._folder(model, seed)
        folder.mkdir(parents=True, exist_ok=True)
        for day in self._days_of(model, seed):
            file = folder / f"{day}.npy"
            if not file.is_file():
                begun, spent = time.perf_counter(), processor_seconds()
                np.save(file, self._fitted(model, day, seed))
                told = {"seconds": round(time.perf_counter() - begun, 1), "cpu_seconds": round(processor_seconds() - spent, 1)}
                with (folder / FITS).open("a", encoding="utf8") as fits:
                    fits.write(json.dumps({"day": day, "commit": commit(), **told}) + "\n")
                self.say(f"{model} · seed {seed} · {day}")
        kept = self._kept(model, seed)
        assert kept is not None
        return kept

    def _fitted(self, model: str, day: str, seed: int) -> Predictions:
        if model == "item_mean":
            return self._item_mean(day)
        if model in rivals.RIVALS:
            assert self.peers is not None
            folder = self.export.write(day)
            return rivals.run(model, self.peers, folder, rivals.order(model, rivals.chosen(model), seed))[0]
        return self._network(NETWORKS[model], day, seed)

    def _item_mean(self, day: str) -> Predictions:
        tasks = {task: {"kind": "binary", "label": label} for task, label in LABELS.items()}
        train, judged = self.days.parts(day, {"tasks": tasks})
        return np.stack([ItemMean(train, task).predict(judged) for task in LABELS], axis=1).astype(np.float32)

    def _network(self, variant: Variant, day: str, seed: int, seconds: float | None = None, days: Days | None = None) -> Predictions:
        seeded = {"training": {"seed": seed, **({"seconds": seconds} if seconds else {})}}
        train, judged = (days or self.days).parts(day, _both(variant.changes, seeded))
        train = self._cut(train, variant.cut, day, seed)
        if not variant.apart:
            return _of_tasks(self._fit(train).predict(judged), len(judged))
        found = np.full((len(judged), len(LABELS)), np.nan, dtype=np.float32)
        tab = as_number(judged.log.series("tab", judged.rows))
        for scenario in SCENARIOS:
            here = tab == scenario
            asked = judged.part(judged.rows[here])
            if variant.own_log:
                train, asked = self.of_tab[scenario].parts(day, _both(variant.changes, seeded))
            found[here] = _of_tasks(self._fit(_learning_from(train, scenario)).predict(asked), len(asked))
        return found

    @cached_property
    def of_tab(self) -> dict[int, Days]:
        """The log of each of `SCENARIOS` by itself."""
        return {scenario: Days(self.folder, self.days.one_in, scenario) for scenario in SCENARIOS}

    def _fit(self, train: Dataset) -> NetworkRecommender:
        """All planned epochs."""
        return NetworkRecommender(train.recipe, self.trainer).fit(train)

    def _cut(self, train: Dataset, rows: int | None, day: str, seed: int) -> Dataset:
        """So many of each scenario's training impressions, drawn; the same for every model of the day and seed."""
        if rows is None:
            return train
        tab = as_number(train.log.series("tab", train.rows))
        random = np.random.default_rng((seed, int(day), rows))
        dropped = []
        for scenario in SCENARIOS:
            there = train.rows[tab == scenario]
            dropped.append(random.permutation(there)[rows:])
        return train.part(np.setdiff1d(train.rows, np.concatenate(dropped)))

    def _drawn(self, model: str, seed: int, days: tuple[str, ...]) -> dict[str, Drawn]:
        """Every metric of a model on these days under every draw of users; kept beside its predictions."""
        file = self._folder(model, seed) / f"draws of {len(days)}.npz"
        if not file.is_file():
            kept = self._kept(model, seed, days)
            assert kept is not None
            np.savez(file, **self.judged[days].drawn(kept))
        with np.load(file) as found:
            return dict(found)

    def _capped(self, model: str, seed: int, seconds: float) -> Outcome:
        """One day of some users, so many seconds of training; shown, never recorded."""
        few = Days(self.folder, QUICK_USERS)
        scores = self._network(NETWORKS[model], DAYS[-1], seed, seconds, few)
        rows = few.judged(DAYS[-1:]).rows
        labels = few.labels(rows)
        values = {
            f"{task}.auc": round(auc(labels[task], scores[:, place]), 5)
            for place, task in enumerate(LABELS)
            if not np.isnan(scores[:, place]).any()
        }
        metrics = {name: Numbers(value=value, low=None, high=None, n=len(rows)) for name, value in values.items()}
        return Outcome(f"5 May alone, one user in {QUICK_USERS}, at most {seconds:g} s of training", metrics)


def _learning_from(train: Dataset, tab: int) -> Dataset:
    """The same part, of which tasks learn from one tab's impressions only."""
    tasks = {name: task.model_copy(update={"only_where": f"tab == {tab}"}) for name, task in train.recipe.tasks.items()}
    return replace(train, recipe=train.recipe.model_copy(update={"tasks": tasks}))


def _both(changes: Changes, more: Changes) -> Changes:
    """Changes and further ones, table by table."""
    return {name: {**changes.get(name, {}), **more.get(name, {})} for name in {**changes, **more}}


def _of_tasks(predictions: Mapping[str, NDArray[np.float32]], rows: int) -> Predictions:
    nothing = np.full(rows, np.nan, dtype=np.float32)
    return np.stack([predictions.get(task, nothing) for task in LABELS], axis=1)


def study(split: str, data: Path, peers: Path | None = None) -> KuaiRand:
    """The rolling origin."""
    return KuaiRand(data / "kuairand", peers)
