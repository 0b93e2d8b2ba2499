"""LightGBM on KuaiRand, one model per task, in its own environment; see kuairand.py.

SETTINGS: `{"tasks": {task: {"rounds", "history", ...LightGBM's parameters}}, "curve": bool}`; with `curve` told.json also holds the AUC
on the day after every so many rounds, for tuning. Without `history` a task reads the recipe's features alone.
"""

import kuairand
import lightgbm
import numpy as np
from sklearn.metrics import roc_auc_score

FEW = 40
"""Values up to which an index is a category to split on; of larger ones the counters tell."""
STEP = 10
COMMON = {"objective": "binary", "verbose": -1, "num_threads": 1, "bagging_fraction": 0.8, "bagging_freq": 1, "max_bin": 127, "seed": 1}


def table(day: kuairand.Day, history: bool) -> tuple[np.ndarray, list[int]]:
    """Numbers and small indices as one table [n, columns], and which columns are categories."""
    sizes = list(day.columns["index"].values())
    few = [place for place, size in enumerate(sizes) if size <= FEW]
    numbers = day.numbers(history)
    joined = np.concatenate([numbers, day.read("index")[:, few].astype(np.float32)], axis=1)
    return joined, list(range(numbers.shape[1], joined.shape[1]))


def fit(day: kuairand.Day, settings: dict) -> tuple[np.ndarray, dict]:
    found = np.full((int(day.judged.sum()), len(day.columns["tasks"])), np.nan)
    told = {"curves": {}}
    for history in {given.get("history", True) for given in settings["tasks"].values()}:
        values, categories = table(day, history)
        kept = {"max_bin": COMMON["max_bin"], "feature_pre_filter": False, "verbose": -1}
        train = lightgbm.Dataset(values[~day.judged], categorical_feature=categories, free_raw_data=False, params=kept)
        asked = values[day.judged]
        for task, given in settings["tasks"].items():
            if given.get("history", True) != history:
                continue
            label = day.label[:, day.task(task)]
            parameters = {key: value for key, value in given.items() if key not in ("rounds", "history")}
            model = lightgbm.train(COMMON | parameters, train.set_label(label[~day.judged]), given["rounds"])
            found[:, day.task(task)] = model.predict(asked)
            if settings.get("curve"):
                told["curves"][task] = curve(model, asked, label[day.judged], given["rounds"])
    return found, told


def curve(model: lightgbm.Booster, asked: np.ndarray, label: np.ndarray, rounds: int) -> dict[int, float]:
    """The AUC after every `STEP` rounds."""
    score, found = np.zeros(len(asked)), {}
    for start in range(0, rounds, STEP):
        score += model.predict(asked, raw_score=True, start_iteration=start, num_iteration=STEP)
        found[min(start + STEP, rounds)] = round(float(roc_auc_score(label, score)), 5)
    return found


if __name__ == "__main__":
    kuairand.run(fit)
