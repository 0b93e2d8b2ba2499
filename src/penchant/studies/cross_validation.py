"""Cross-validation: the recipe fitted anew for every fold and judged on it, beside baselines that learnt from the same events."""

from collections.abc import Callable

from penchant.data.dataset import Dataset
from penchant.evaluation.across_folds import LEVEL, across_folds
from penchant.evaluation.summary import Evaluation
from penchant.fitting.loop import Report
from penchant.studies.baselines import usual_rivals
from penchant.studies.evaluate import evaluate
from penchant.studies.workflow import train

_MADE_OF = {
    "user": "users, drawn; of a judged user nothing was learnt, and each of their events is judged from what they had done before it",
    "record": "events, drawn; judged events may stand in histories that were learnt from, never as labels",
    "time": "blocks of time; each was judged by what was learnt from the time before it, the oldest only learnt from",
}


def cross_validate(
    data: Dataset, *, report: Report | None = None, each: Callable[[int, Evaluation], None] | None = None, title: str = "Cross-validation"
) -> Evaluation:
    """Fit and judge the recipe of a data set on every fold it asks for.

    Args:
        data: What is divided; its recipe says how (`[split] folds`, `fold_by`).
        report: Called after every batch of every training.
        each: Called with every fold's number, from 1, and evaluation.
        title: Of the report.

    Returns:
        Means over folds with their standard deviation, intervals and paired differences.

    Raises:
        RecipeError, DataError: as `Dataset.folds`.
    """
    found, overlaps = [], []
    for number, (learnt, valid, judged) in enumerate(data.folds(), 1):
        model = train(data.recipe, learnt, valid if len(valid) else None, report=report)
        fold = evaluate(model, judged, usual_rivals(learnt, valid), train=learnt)
        found.append(fold)
        overlaps.append(len(judged) / (len(learnt) + len(valid)))
        if each is not None:
            each(number, fold)
    return across_folds(found, sum(overlaps) / len(overlaps), title, _protocol(data, found[0]))


def _protocol(data: Dataset, fold: Evaluation) -> list[str]:
    by = data.recipe.split.fold_by
    return [
        f"{data.recipe.split.folds} folds of {_MADE_OF[by]}. Settings were chosen on a part of what was learnt from.",
        *fold.protocol[1:3],
        f"Numbers are means over folds ± their standard deviation. Intervals: {LEVEL:.0%}, Student's t over folds, its variance "
        "corrected for training parts that overlap (Nadeau and Bengio 2003). Those of single folds: bootstrap draws of users.",
    ]
