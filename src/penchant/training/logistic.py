"""Logistic regression of a few numbers, drawn towards where it starts, some of which must not fall below a bound."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]


def logistic_regression(inputs: Floats, label: Floats, start: Floats, ridge: float, least: float) -> Floats:
    """Coefficients `[m + 1]`, the last one the offset, that minimise Σ −log P(label) + ridge / 2 · |coefficients − start|².

    Args:
        inputs: `[rows, m]`.
        label: 0 or 1 `[rows]`; without rows the start is the answer.
        start: What they are drawn towards `[m + 1]`.
        ridge: How strongly; at least 0. The regression's own pull is at most rows / 4 for each.
        least: The lowest value a coefficient other than the offset may have.
    """
    wide = np.column_stack([inputs, np.ones(len(label))])
    sign = 2.0 * label - 1.0

    def cost(coefficients: Floats) -> tuple[float, Floats]:
        margin, gone = sign * (wide @ coefficients), coefficients - start
        slope = -sign / (1 + np.exp(np.minimum(margin, 700)))
        return float(np.logaddexp(0, -margin).sum() + ridge / 2 * gone @ gone), wide.T @ slope + ridge * gone

    bounds = [(least, None)] * inputs.shape[1] + [(None, None)]
    found: Floats = minimize(cost, np.maximum(start, [*[least] * inputs.shape[1], -np.inf]), jac=True, bounds=bounds, method="L-BFGS-B").x
    return found
