"""What `published.py` tells of rows on record."""

import json
from typing import Any

import pytest


class Study:
    """Judged by NDCG, where a model makes lists."""

    headline = "ndcg@10"


def row(model: str, **metrics: float | None) -> dict[str, Any]:
    """As on record: a figure that does not exist is null."""
    told = {name: {"value": value, "low": value, "high": value} for name, value in metrics.items()}
    return {"model": model, "metrics": told, "differences": {}, "seconds": 1.0}


def test_that_a_model_without_the_headline_is_told_by_the_name_of_what_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    import published

    rows = [row("lists", **{"ndcg@10": 0.2}), row("lists", **{"ndcg@10": 0.4}), row("stars", **{"ndcg@10": None, "rmse": 0.9})]
    figures = published.summary(Study(), "films", rows)  # type: ignore[arg-type]  # all that is asked of a study here
    assert [(each["metric"], each["mean"]) for each in figures["models"].values()] == [("ndcg@10", 0.3), ("rmse", 0.9)]
    assert "NaN" not in json.dumps(figures)
    published.show(figures)
    assert "0.9000 (rmse)" in capsys.readouterr().out
