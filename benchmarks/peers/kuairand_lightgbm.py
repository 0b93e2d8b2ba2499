"""LightGBM on KuaiRand, one model per task, in its own environment; see kuairand.py.

SETTINGS: `{"tasks": {task: {"rounds", "history", "counters", ...LightGBM's parameters}}, "tuning": bool}`; in tuning told.json also holds
the rounds after which the AUC on the day is best. Without `history` a task reads the recipe's features alone, without `counters` none of
its counts.
"""

import kuairand
import lightgbm
import numpy as np

FEW = 40
"""Values up to which an index is a category to split on; of larger ones the counters tell."""
PATIENCE = 40
READ = ("history", "counters")
COMMON = {"objective": "binary", "verbose": -1, "num_threads": 1, "bagging_fraction": 0.8, "bagging_freq": 1, "max_bin": 127, "seed": 1}


def table(day: kuairand.Day, history: bool, counters: bool) -> tuple[np.ndarray, list[int]]:
    """Numbers and small indices as one table [n, columns], and which columns are categories."""
    sizes = list(day.columns["index"].values())
    few = [place for place, size in enumerate(sizes) if size <= FEW]
    numbers = day.numbers(history, counters)
    joined = np.concatenate([numbers, day.read("index")[:, few].astype(np.float32)], axis=1)
    return joined, list(range(numbers.shape[1], joined.shape[1]))


def read_by(given: dict) -> tuple[bool, bool]:
    """Whether a task reads the practitioner's numbers, and the recipe's counters."""
    return tuple(given.get(name, True) for name in READ)


def fit(day: kuairand.Day, settings: dict) -> tuple[np.ndarray, dict]:
    found = np.full((int(day.judged.sum()), len(day.columns["tasks"])), np.nan)
    told = {"rounds": {}}
    for read in {read_by(given) for given in settings["tasks"].values()}:
        values, categories = table(day, *read)
        kept = {"max_bin": COMMON["max_bin"], "feature_pre_filter": False, "verbose": -1}
        train = lightgbm.Dataset(values[~day.judged], categorical_feature=categories, free_raw_data=False, params=kept)
        asked = lightgbm.Dataset(values[day.judged], reference=train, free_raw_data=False)
        for task, given in settings["tasks"].items():
            if read_by(given) == read:
                place = day.task(task)
                train.set_label(day.label[~day.judged, place])
                asked.set_label(day.label[day.judged, place])
                model = learnt(train, asked if settings.get("tuning") else None, given)
                found[:, place] = model.predict(values[day.judged])
                told["rounds"][task] = model.best_iteration if settings.get("tuning") else given["rounds"]
    return found, told


def learnt(train: lightgbm.Dataset, asked: lightgbm.Dataset | None, given: dict) -> lightgbm.Booster:
    """All rounds, or as many as serve the day best."""
    parameters = COMMON | {key: value for key, value in given.items() if key not in ("rounds", *READ)}
    if asked is None:
        return lightgbm.train(parameters, train, given["rounds"])
    stops = [lightgbm.early_stopping(PATIENCE, verbose=False)]
    return lightgbm.train(parameters | {"metric": "auc"}, train, given["rounds"], valid_sets=[asked], callbacks=stops)


if __name__ == "__main__":
    kuairand.run(fit)
