"""Settings chosen on the validation part: so many trials, one seed, the same for every model.

The test part is not passed in, so that nothing can be chosen on it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.auc import auc
from penchant.evaluation.metrics.regression import rmse
from penchant.models.classic import NETWORK, classic, classic_kinds
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import Recommender
from penchant.schema.errors import DataError, RecipeError, did_you_mean
from penchant.schema.recipe import Recipe
from penchant.schema.sections.network import NetworkSettings
from penchant.schema.sections.part import Part
from penchant.schema.sections.training import TrainingSettings
from penchant.schema.settings import Settings, read_settings
from penchant.schema.space import Range
from penchant.studies.fit import fit
from penchant.studies.lists import measure_lists
from penchant.studies.protocols.rating_prediction import Predicts

if TYPE_CHECKING:
    import optuna

GROUPS: dict[str, type[Settings]] = {"training": TrainingSettings, "network": NetworkSettings}
"""Where a network's settings stand in its recipe."""


@dataclass(frozen=True)
class Trial:
    """Settings that were tried, and what they reached on the validation part."""

    number: int
    settings: dict[str, Any]
    value: float


@dataclass(frozen=True)
class Tuned:
    """All trials, the best of them first as a recipe."""

    recipe: Recipe
    metric: str
    trials: tuple[Trial, ...]
    best: Trial


def tune(
    recipe: Recipe,
    train: Dataset,
    valid: Dataset,
    *,
    trials: int = 10,
    seed: int = 0,
    journal: Path | None = None,
    say: Callable[[Trial], None] | None = None,
) -> Tuned:
    """The best of some settings on the validation part; the first tried are the recipe's own.

    Args:
        recipe: Its model's `space`, or its own `[tune]`, says what is tried.
        train, valid: What is learnt from and what is chosen by.
        trials: How many settings are tried; a model without a space is tried once.
        seed: Of the proposals.
        journal: A file in which trials are kept, so that a run that was stopped goes on; a changed recipe begins anew.
        say: Told of each new trial.

    Raises:
        RecipeError: for a setting that the model does not have.
        DataError: when the validation part holds nothing to choose by.
    """
    space = space_of(recipe)
    metric, higher = target(recipe)
    study = _study(recipe, train, valid, seed, higher, journal)
    wanted = trials if space else 1
    while len(_done(study)) < wanted:
        number = len(_done(study))
        trial = _ask(study, recipe, space, number, seed)
        chosen = {name: _suggest(trial, name, each) for name, each in space.items()} if number else own_settings(recipe, space)
        value = quality(fit(with_settings(recipe, chosen), train, valid), valid)
        trial.set_user_attr("settings", chosen)
        study.tell(trial, value)
        if say:
            say(Trial(number, chosen, value))
    found = tuple(Trial(number, each.user_attrs["settings"], float(each.value or 0.0)) for number, each in enumerate(_done(study)[:wanted]))
    best = (max if higher else min)(found, key=lambda each: each.value)
    return Tuned(with_settings(recipe, best.settings), metric, found, best)


def space_of(recipe: Recipe) -> Mapping[str, Range]:
    """What is tried: the recipe's `[tune]`, else the model's own space.

    Raises:
        RecipeError: for a setting that the model does not have.
    """
    if recipe.model.kind == NETWORK:
        known, space = {name for group in GROUPS.values() for name in group.model_fields} - {"seed"}, NetworkRecommender.space
    else:
        known, space = set(classic(recipe.model).get_params()), classic_kinds()[recipe.model.kind].space
    for name in recipe.tune:
        if name not in known:
            must, do = f"a setting of model '{recipe.model.kind}'", did_you_mean(name, known)
            raise RecipeError(f"tune, key '{name}'", must=must, came="an unknown one", do=do)
    return recipe.tune or space


def own_settings(recipe: Recipe, space: Mapping[str, Range]) -> dict[str, Any]:
    """What the recipe says of the settings that are tried."""
    if recipe.model.kind != NETWORK:
        own = classic(recipe.model).get_params()
    else:
        own = {name: value for group in GROUPS for name, value in getattr(recipe, group)}
    return {name: own[name] for name in space}


def with_settings(recipe: Recipe, chosen: Mapping[str, Any]) -> Recipe:
    """The recipe with some of its model's settings replaced.

    Raises:
        RecipeError: for a value that a setting cannot have.
    """
    if recipe.model.kind != NETWORK:
        part = Part(kind=recipe.model.kind, **{**recipe.model.settings, **chosen})
        classic(part)
        return recipe.model_copy(update={"model": part})
    groups: dict[str, Any] = {}
    for group, kind in GROUPS.items():
        own = {name: value for name, value in chosen.items() if name in kind.model_fields}
        groups[group] = read_settings(kind, dict(getattr(recipe, group)) | own, group)
    return recipe.model_copy(update=groups)


def placed(recipe: Recipe, chosen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings by the recipe's table that they stand in: `{"training": {"learning_rate": ...}}`."""
    if recipe.model.kind != NETWORK:
        return {"model": dict(chosen)}
    return {group: own for group, kind in GROUPS.items() if (own := {name: chosen[name] for name in chosen if name in kind.model_fields})}


def target(recipe: Recipe) -> tuple[str, bool]:
    """What settings are chosen by, and whether more of it is better: the lists' NDCG@10, else the first task's AUC or RMSE."""
    if recipe.retrieval_task:
        return f"{recipe.retrieval_task}.ndcg@10", True
    task, part = next(iter(recipe.tasks.items()))
    return (f"{task}.auc", True) if part.kind == "binary" else (f"{task}.rmse", False)


def quality(model: Recommender, valid: Dataset) -> float:
    """The target's value on a part; DataError where the part holds nothing to choose by."""
    recipe = valid.recipe
    task, metric = target(recipe)[0].rsplit(".", 1)
    if recipe.retrieval_task and len(valid.positives):
        return float(np.nanmean(measure_lists({"": model}, valid, (10,)).values[""][metric]))
    if not recipe.retrieval_task and isinstance(model, Predicts):
        label = labels_of(valid, task)
        known = ~np.isnan(label)
        if known.any():
            return float((auc if metric == "auc" else rmse)(label[known], model.predict(valid)[task][known]))
    do = "Raise [split] valid, or move valid_from."
    raise DataError("the validation part", must=f"given something to measure {metric} by", came=f"{len(valid):,} events without", do=do)


def _study(recipe: Recipe, train: Dataset, valid: Dataset, seed: int, higher: bool, journal: Path | None) -> "optuna.Study":
    try:
        import optuna
        from optuna.storages.journal import JournalFileBackend
    except ModuleNotFoundError:
        do = "Install it with: pip install 'penchant[tune]'"
        raise RecipeError("tuning", must="given the package 'optuna'", came="none installed", do=do) from None

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    told = recipe.model_dump(mode="json", exclude={"directory", "split"})
    space = {name: each.model_dump() for name, each in space_of(recipe).items()}
    seen = [told, space, seed, len(train), len(valid), float(np.asarray(train.rows, dtype=float).sum())]
    name = sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16]
    storage = None
    if journal is not None:
        journal.parent.mkdir(parents=True, exist_ok=True)
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
    return optuna.create_study(study_name=name, storage=storage, direction="maximize" if higher else "minimize", load_if_exists=True)


def _done(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    """Trials that ended; one that was interrupted is tried again."""
    return [each for each in study.get_trials(deepcopy=False) if each.state.is_finished() and each.value is not None]


def _ask(study: "optuna.Study", recipe: Recipe, space: Mapping[str, Range], number: int, seed: int) -> "optuna.Trial":
    """The next trial. Its sampler is seeded by its number, so that a run that was stopped proposes what it would have proposed."""
    import optuna

    study.sampler = optuna.samplers.TPESampler(seed=seed * 1000 + number, n_startup_trials=4, multivariate=False)
    return study.ask()


def _suggest(trial: "optuna.Trial", name: str, space: Range) -> Any:
    if space.choices is not None:
        return trial.suggest_categorical(name, space.choices)
    assert space.low is not None
    assert space.high is not None
    if space.whole:
        return trial.suggest_int(name, int(space.low), int(space.high), log=space.log)
    return trial.suggest_float(name, space.low, space.high, log=space.log)


def table(tuned: Tuned) -> str:
    """The trials as lines, the best marked."""
    lines = [f"{tuned.metric:>12}  settings"]
    for each in tuned.trials:
        told = "  ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in each.settings.items())
        lines.append(f"{each.value:>12.4f}  {told}{'  <- best' if each == tuned.best else ''}")
    return "\n".join(lines)


def as_json(tuned: Tuned) -> dict[str, Any]:
    """The same as plain data."""
    return {"metric": tuned.metric, "best": asdict(tuned.best), "trials": [asdict(each) for each in tuned.trials]}
