"""Models side by side: the same data, the same queries, the same number of trials each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from penchant.data.dataset import Dataset
from penchant.evaluation.intervals import Bootstrap
from penchant.evaluation.slices import ALL
from penchant.evaluation.summary import Comparison, Evaluation, Metrics, Run
from penchant.models.classic import NETWORK, classic
from penchant.models.recommender import Recommender
from penchant.schema.errors import DataError, RecipeError
from penchant.schema.recipe import Recipe
from penchant.studies.beyond import beyond_accuracy
from penchant.studies.evaluate import facts_of, list_tables, told
from penchant.studies.fit import fit, with_seed
from penchant.studies.leakage import warnings_of
from penchant.studies.lists import Lists, PerUser
from penchant.studies.protocols.all_items import AllItems
from penchant.studies.protocols.protocol import ListProtocol
from penchant.studies.tune import Trial, space_of, tune

Say = Callable[[str, str], None]
Parts = tuple[Dataset, Dataset, Dataset]

SAME: dict[str, Callable[[Recipe], Any]] = {
    "[split]": lambda recipe: recipe.split,
    "the next_item task's positive_where": lambda recipe: recipe.tasks[recipe.retrieval_task or ""].positive_where,
    "serving.exclude_seen": lambda recipe: recipe.serving.exclude_seen,
}
"""What recipes must agree in, or their numbers would answer different questions."""


@dataclass(frozen=True)
class Budget:
    """What every model may spend.

    Attributes:
        trials: Settings tried on the validation part; with 1 the recipe's own are kept.
        seeds: Runs of each model that learns from a random start.
        journals: Folder in which trials are kept, so that a stopped comparison goes on; none are kept when absent.
    """

    trials: int = 1
    seeds: int = 1
    journals: Path | None = None


def compare(
    recipes: Mapping[str, Recipe],
    budget: Budget | None = None,
    *,
    protocol: ListProtocol | None = None,
    bootstrap: Bootstrap | None = None,
    say: Say = lambda word, text: None,
) -> Evaluation:
    """Tune, fit and judge the model of each recipe.

    Values of several seeds are averaged per user before models are compared, so that intervals are over users; each seed's own mean
    stands among the runs.

    Args:
        recipes: By name, of the same data, split and wanted events; the first is the one the others are held against.
        budget: Of each model alike.
        protocol: How lists are asked for; all items when absent.
        bootstrap: Draws, level and seed of the intervals.
        say: Told what is being done, as a first word and a text.

    Raises:
        RecipeError: when there are fewer than two recipes, one has no next_item task, or they differ in what makes numbers comparable.
        DataError: when they read different events.
    """
    _check_recipes(recipes)
    budget, protocol, bootstrap = budget or Budget(), protocol or AllItems(), bootstrap or Bootstrap()
    values: dict[str, PerUser] = {}
    beside: dict[str, Metrics] = {}
    runs: list[Run] = []
    first: Parts | None = None
    for name, recipe in recipes.items():
        parts = Dataset.read(recipe).split()
        first = first or parts
        _check_same_events(name, first, parts)
        chosen = _tuned(name, recipe, parts, budget, say)
        per_seed = [_run(name, chosen, seed, parts, protocol, runs, say) for seed in _seeds(chosen, budget)]
        values[name] = {metric: np.mean([each.values[name][metric] for each in per_seed], axis=0) for metric in per_seed[0].values[name]}
        lists = per_seed[0]
        beside[name] = beyond_accuracy(lists.found[name], lists.user, parts[0], bootstrap)
    assert first is not None
    train, _, test = first
    task, slices = test.recipe.retrieval_task or "", protocol.measure({}, test).slices
    return Evaluation(
        title=f"{len(recipes)} models compared",
        model=next(iter(recipes)),
        protocol=(*told(test, protocol, bootstrap, predicted=False), *_told(recipes, budget)),
        tables={name: {task: _with(list_tables(each, slices, bootstrap), beside[name])} for name, each in values.items()},
        comparisons=tuple(_pairs(values, task, bootstrap)),
        facts=facts_of(test),
        warnings=warnings_of(train, test),
        runs=tuple(runs),
    )


def _with(tables: dict[str, Metrics], beside: Metrics) -> dict[str, Metrics]:
    return tables | {ALL: tables[ALL] | beside}


def _check_recipes(recipes: Mapping[str, Recipe]) -> None:
    if len(recipes) < 2:
        raise RecipeError("a comparison", must="of at least two recipes", came=f"{len(recipes)}", do="Name another recipe.")
    for name, recipe in recipes.items():
        if not recipe.retrieval_task:
            do = 'Add [tasks.next] with kind = "next_item".'
            raise RecipeError(f"recipe '{name}'", must="given a next_item task, to make lists", came="none", do=do)
    (first, reference), *others = recipes.items()
    for name, recipe in others:
        for what, of in SAME.items():
            if of(recipe) != of(reference):
                came, do = f"{of(recipe)} against {of(reference)}", "Make them alike, or compare apart."
                raise RecipeError(f"{what} of recipe '{name}'", must=f"as in recipe '{first}'", came=came, do=do)


def _check_same_events(name: str, first: Parts, parts: Parts) -> None:
    """Not the files' names but their events are held against each other."""
    log, other = first[0].log, parts[0].log
    same = (
        log.users["user_id"].equals(other.users["user_id"])
        and log.items["item_id"].equals(other.items["item_id"])
        and all(np.array_equal(getattr(log, role), getattr(other, role)) for role in ("user", "item", "time"))
        and all(np.array_equal(one.rows, two.rows) for one, two in zip(first, parts, strict=True))
        and np.array_equal(first[2].positives, parts[2].positives)
    )
    if not same:
        came = f"{len(other):,} events, {len(parts[2]):,} of them judged, against {len(log):,} and {len(first[2]):,}, or others"
        raise DataError(f"the data of recipe '{name}'", must="the same events", came=came, do="Let [data] and [data.clean] be alike.")


def _tuned(name: str, recipe: Recipe, parts: Parts, budget: Budget, say: Say) -> Recipe:
    if budget.trials < 2:
        return recipe
    train, valid, _ = parts

    def told_of(trial: Trial) -> None:
        say("tune", f"{name}: trial {trial.number + 1}/{budget.trials}  {trial.value:.4f}  {trial.settings}")

    journal = budget.journals / f"{name}.journal" if budget.journals else None
    return tune(recipe, train, valid, trials=budget.trials, journal=journal, say=told_of).recipe


def _seeds(recipe: Recipe, budget: Budget) -> range:
    """Models that do not draw are run once."""
    draws = recipe.model.kind == NETWORK or "seed" in classic(recipe.model).get_params()
    return range(budget.seeds if draws else 1)


def _run(name: str, recipe: Recipe, seed: int, parts: Parts, protocol: ListProtocol, runs: list[Run], say: Say) -> Lists:
    """One fit, judged; what it was and cost is added to `runs`."""
    train, valid, test = parts
    start = recipe.training.seed + seed
    began = perf_counter()
    model: Recommender = fit(with_seed(recipe, start), train, valid)
    seconds = perf_counter() - began
    lists = protocol.measure({name: model}, test)
    values = lists.values[name]
    metric = next(iter(values))
    value = float(np.nanmean(values[metric]))
    runs.append(Run(name, start, _settings(recipe), metric, value, seconds))
    say("judged", f"{name}, seed {start}: {metric} {value:.4f}, fitted in {seconds:.1f} s")
    return lists


def _settings(recipe: Recipe) -> str:
    """The model's settings in words, those of a network where they were worth trying."""
    if recipe.model.kind != NETWORK:
        own = classic(recipe.model).get_params()
    else:
        own = {key: value for group in (recipe.training, recipe.network) for key, value in group if key in space_of(recipe)}
    told = (f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in own.items())
    return f"{recipe.model.kind}: {', '.join(told)}"


def _told(recipes: Mapping[str, Recipe], budget: Budget) -> tuple[str, ...]:
    tuned = "Settings are the recipes' own." if budget.trials < 2 else f"Each model had {budget.trials} trials on one seed to be tuned."
    seeds = f"Models that learn from a random start ran with {budget.seeds} seeds, averaged per user." if budget.seeds > 1 else ""
    many = len(recipes) * (len(recipes) - 1) // 2
    pairs = f"p: paired permutation tests, not corrected for the {many} pairs." if many > 1 else "p: a paired permutation test."
    return tuple(each for each in (tuned, seeds, pairs) if each)


def _pairs(values: Mapping[str, PerUser], task: str, bootstrap: Bootstrap) -> list[Comparison]:
    """Every two models in the headline metric."""
    headline = next(iter(next(iter(values.values()))))
    return [
        Comparison(one, other, task, headline, bootstrap.mean_difference(values[one][headline], values[other][headline]))
        for one, other in combinations(values, 2)
    ]
