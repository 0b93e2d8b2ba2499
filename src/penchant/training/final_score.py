"""Learns the weights of the final score on the validation part, from a label that says what a good item is."""

import logging

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.models.final_score import FinalScore
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.errors import DataError
from penchant.training.calibration import codes_of_rows
from penchant.training.logistic import logistic_regression

ENOUGH = 50
"""Events of each kind, good and not, that a scenario needs for weights of its own."""
RIDGE = 1.0
logger = logging.getLogger(__name__)


def fit_final_score(recommender: NetworkRecommender, valid: Dataset, good: str) -> FinalScore | None:
    """Weights, at least 0, of the ranking tasks' utilities by logistic regression on what is good.

    Args:
        recommender: Fitted, and calibrated where it will be.
        valid: What nothing was learnt from; rows where the label is missing are left out.
        good: The label, an expression over an event's columns.

    Returns:
        Weights of all scenarios together, and of each with enough events; None where no task tells what is good.

    Raises:
        DataError: for a label other than yes and no, or one of a single kind.
    """
    label = valid.values(good)
    known = ~np.isnan(label)
    _check(label[known], good)
    utilities, codes = _utilities(recommender, valid)[known], codes_of_rows(recommender, valid)[known]
    tasks, told = list(recommender.network.ranking_tasks), label[known].astype(np.float64)
    everywhere = _weights(utilities, told)
    if not everywhere.any():
        logger.warning("no task tells what is good (%s): serving.rank_by counts", good)
        return None
    own = {}
    for code in recommender.scenario_codes.known(codes):
        here = codes == code
        if min(told[here].sum(), (1 - told[here]).sum()) >= ENOUGH:
            weights = _weights(utilities[here], told[here])
            own[recommender.scenario_codes.values_of(int(code))] = _by_task(tasks, weights if weights.any() else everywhere)
    return FinalScore.from_weights(_by_task(tasks, everywhere), own)


def _check(label: NDArray[np.float32], good: str) -> None:
    if not np.isin(label, (0, 1)).all() or len(np.unique(label)) < 2:
        came = "neither" if not len(label) else ", ".join(f"{value:g}" for value in np.unique(label)[:5])
        do = 'Write a condition such as "is_like or long_view" that holds for some events of the validation part.'
        raise DataError(f"serving.rank_by_learnt '{good}'", must="0 for some and 1 for other validation events", came=came, do=do)


def _utilities(recommender: NetworkRecommender, valid: Dataset) -> NDArray[np.float64]:
    """Of every ranking task `[rows, tasks]`."""
    outputs, tasks = recommender.outputs_of(valid), recommender.network.ranking_tasks
    with torch.inference_mode():
        return np.stack([task.utility(torch.from_numpy(outputs[name])).double().numpy() for name, task in tasks.items()], axis=1)


def _weights(utilities: NDArray[np.float64], label: NDArray[np.float64]) -> NDArray[np.float64]:
    """One per task `[tasks]`, fitted in standard deviations, so that no task's scale decides what the ridge holds back."""
    mean, deviation = utilities.mean(axis=0), np.maximum(utilities.std(axis=0), 1e-6)
    start = np.zeros(utilities.shape[1] + 1)
    weights: NDArray[np.float64] = logistic_regression((utilities - mean) / deviation, label, start, RIDGE, 0.0)[:-1] / deviation
    return weights


def _by_task(tasks: list[str], weights: NDArray[np.float64]) -> dict[str, float]:
    return {task: float(weight) for task, weight in zip(tasks, weights, strict=True)}
