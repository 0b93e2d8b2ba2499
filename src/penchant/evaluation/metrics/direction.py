"""Of which metrics less is better, where only the name of one is at hand."""

_LOWER = frozenset({"rmse", "mae", "log_loss", "calibration_error", "deviance"})


def lower_is_better(name: str) -> bool:
    """Whether a smaller value is the better one, of a metric or of a task's (`task.metric`).

    >>> lower_is_better("stars.rmse"), lower_is_better("next.ndcg@10")
    (True, False)
    """
    return name.rsplit(".", 1)[-1] in _LOWER
