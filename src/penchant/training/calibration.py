"""Fits the calibration of the binary tasks on the validation part, after the network is fitted."""

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.models.by_scenario import ByScenario, Scenarios
from penchant.models.calibration import Calibration
from penchant.models.network_recommender import NetworkRecommender
from penchant.tasks.binary import Binary
from penchant.tasks.task import labelled
from penchant.training.logistic import logistic_regression

PRIOR = 10.0
"""How strongly a scenario is held to the task's own line: about as strongly as ten of its positives pull."""
LEAST_SLOPE = 0.1
"""A line never turns the order round, nor nearly flattens it."""


def fit_calibration(recommender: NetworkRecommender, valid: Dataset) -> Calibration:
    """Slope and offset of each binary task, and of each scenario drawn towards the task's own the more the less it has seen.

    Args:
        recommender: Fitted; what it says now is what is corrected.
        valid: What nothing was learnt from. A task without a label of both kinds in it stays as it is.
    """
    outputs, codes = recommender.outputs_of(valid), codes_of_rows(recommender, valid)
    lines = {}
    for name, task in recommender.network.ranking_tasks.items():
        label = task.labels(valid, name)
        known = labelled(label)
        if isinstance(task, Binary) and len(np.unique(label[known])) == 2:
            lines[name] = scenario_lines(
                recommender.scenario_codes, outputs[name][known].astype(np.float64), label[known].astype(np.float64), codes[known]
            )
    return Calibration(lines)


def scenario_lines(scenarios: Scenarios, logit: NDArray[np.float64], label: NDArray[np.float64], codes: NDArray[np.int64]) -> ByScenario:
    """The line of all rows and those of each scenario, from logits, labels and scenario codes `[rows]`."""
    slope, offset = _line(logit, label)
    own = {}
    for code in scenarios.known(codes):
        here = codes == code
        steeper, higher = _line(slope * logit[here] + offset, label[here])
        own[scenarios.values_of(int(code))] = (steeper * slope, steeper * offset + higher)
    return ByScenario((slope, offset), own)


def _line(logit: NDArray[np.float64], label: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and offset, drawn towards 1 and 0."""
    slope, offset = logistic_regression(logit[:, None], label, np.array([1.0, 0.0]), PRIOR, LEAST_SLOPE)
    return float(slope), float(offset)


def codes_of_rows(recommender: NetworkRecommender, data: Dataset) -> NDArray[np.int64]:
    """The scenario of each row of a part `[rows]`, as `Scenarios.codes` has it."""
    factors = {name: np.asarray(array[data.rows]) for name, array in recommender.encoded(data.log).scenario.items()}
    codes: NDArray[np.int64] = recommender.scenario_codes.codes(factors, np.zeros(len(data), dtype=np.int64))
    return codes
