"""A small evaluation with everything in it."""

from penchant.evaluation.metrics.calibration import CalibrationPoint
from penchant.evaluation.summary import Chart, Comparison, Curve, Difference, Evaluation, Metric

TABLES = {
    "chance": {"click": {"all": {"log_loss": Metric(0.7, n=5000, lower_is_better=True)}}},
    "popularity": {
        "next": {"all": {"ndcg@10": Metric(0.148, 0.14, 0.156, 943)}, "cold": {"ndcg@10": Metric(0.1, 0.05, 0.15, 40)}},
        "click": {"all": {"log_loss": Metric(0.69, n=5000, lower_is_better=True)}},
    },
    "penchant": {
        "next": {
            "all": {"ndcg@10": Metric(0.231, 0.22, 0.242, 943), "recall@10": Metric(float("nan"))},
            "cold": {"ndcg@10": Metric(0.2, 0.15, 0.25, 40)},
        },
        "click": {"all": {"log_loss": Metric(0.412, n=5000, lower_is_better=True)}},
    },
}


def given_evaluation() -> Evaluation:
    """Two tasks; "penchant" against "popularity" in both, against "chance" in one."""
    difference = Difference(Metric(0.083, 0.075, 0.091, 943), 0.0004)
    return Evaluation(
        title="Films <b>&</b> clicks",
        model="penchant",
        protocol=("All 1,682 films are ranked.", "Intervals are over users."),
        tables=TABLES,
        comparisons=(Comparison("penchant", "popularity", "next", "ndcg@10", difference),),
        training=(Chart("Loss", "epoch", "loss", (Curve("train", (1.0, 2.0, 3.0), (0.6, float("nan"), 0.4)),)),),
        calibration={"click": {"penchant": (CalibrationPoint(0.1, 0.12, 50), CalibrationPoint(0.7, 0.66, 50))}},
        facts={"users": "943"},
    )
