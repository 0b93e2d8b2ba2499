"""A candidate answers requests before anybody is answered by it, and is held against the model that answers now."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice, product
from typing import Any

from penchant.evaluation.metrics.direction import lower_is_better
from penchant.schema.sections.promotion import PromotionSettings
from penchant.serving.protocol import Description, Engine, RankRequest, RecommendationAnswer, RecommendationRequest, ScoredItem
from penchant.serving.refusal import PromotionRefusedError

WARM_UP = 20
"""Requests answered before the clock counts: what is loaded by the first of them nobody should wait for."""
CONSTANT_SHARE = 0.5
"""Share of the lists in which all items have one score that is too much; ties within a list or two are no fault."""
_BROKEN = frozenset({"popular", "static"})
"""Fallbacks by which an engine says that its model failed."""


@dataclass(frozen=True)
class Canary:
    """What a candidate showed.

    Attributes:
        requests: How many it answered.
        recorded: How many of them users had asked; the others were made up.
        p99_ms: Milliseconds in which 99 of 100 were answered.
        overlap: Share of the items listed now that its lists hold too, on average; None where nothing answers now.
    """

    requests: int
    recorded: int
    p99_ms: float
    overlap: float | None


@dataclass(frozen=True)
class Trial:
    """A request, the candidate's answer, the time it took in seconds, and the present answer."""

    request: RecommendationRequest
    answer: RecommendationAnswer
    seconds: float
    present: RecommendationAnswer | None


def requests_for(recent: Sequence[RecommendationRequest], facts: Description, settings: PromotionSettings) -> list[RecommendationRequest]:
    """What a candidate is tried on: the newest requests, filled up by sampled users of its bundle in each of its scenarios."""
    asked = [request for request in recent if not isinstance(request, RankRequest)][: settings.requests]
    scenarios: list[str | None] = [*facts["scenarios"]] or [None]
    users: list[str | None] = [*facts["sample_users"], None]
    made_up = [RecommendationRequest(user_id=user, scenario=scenario) for user, scenario in product(users, scenarios)]
    return asked + list(islice(cycle(made_up), max(0, settings.requests - len(asked))))


def answer_timed(ask: Callable[[RecommendationRequest], RecommendationAnswer], request: RecommendationRequest, version: str) -> Trial:
    """The candidate's answer to one request.

    Raises:
        PromotionRefusedError: canary_failed when it has none, or says that its model failed.
    """
    begun = time.perf_counter()
    try:
        answer = ask(request)
    except Exception as error:
        raise _refused("canary_failed", version, "able to answer", f"a {type(error).__name__}") from None
    seconds = time.perf_counter() - begun
    if answer.degraded and answer.fallback in _BROKEN:
        raise _refused("canary_failed", version, "able to answer", "answers without the model, which failed")
    return Trial(request, answer, seconds, None)


def judge(trials: Sequence[Trial], version: str, recorded: int, budget_ms: float, settings: PromotionSettings) -> Canary:
    """What the answers show.

    Args:
        trials: One for each request.
        version: The candidate's.
        recorded: How many of the requests users had asked.
        budget_ms: Milliseconds for 99 of 100 answers.
        settings: What it must not do worse than.

    Raises:
        PromotionRefusedError: canary_not_finite, canary_empty, canary_constant, canary_slow or canary_overlap.
    """
    count = len(trials)
    if broken := sum(not all(map(_is_finite, trial.answer.items)) for trial in trials):
        raise _refused("canary_not_finite", version, "giving finite scores", f"scores that are no numbers in {broken} of {count} answers")
    if empty := sum(not trial.answer.items and (trial.present is None or bool(trial.present.items)) for trial in trials):
        raise _refused("canary_empty", version, "giving items", f"empty lists in {empty} of {count} answers")
    several = [trial for trial in trials if len(trial.answer.items) > 1]
    constant = sum(len({item.score for item in trial.answer.items}) == 1 for trial in several)
    if constant and constant >= CONSTANT_SHARE * len(several):
        must = "telling items apart"
        raise _refused("canary_constant", version, must, f"one score for all items in {constant} of {len(several)} answers")
    p99_ms = 1000 * sorted(trial.seconds for trial in trials)[math.ceil(0.99 * count) - 1]
    if p99_ms > budget_ms:
        raise _refused("canary_slow", version, f"answering 99 of 100 requests within {budget_ms:g} ms", f"{p99_ms:.1f} ms")
    overlap = _overlap(trials)
    if overlap is not None and overlap < settings.least_overlap:
        must = f"listing {settings.least_overlap:.0%} of the items listed now"
        raise _refused("canary_overlap", version, must, f"{overlap:.1%}")
    return Canary(count, recorded, round(p99_ms, 3), None if overlap is None else round(overlap, 4))


def compare_metrics(version: str, found: Mapping[str, Any], present: Mapping[str, Any], settings: PromotionSettings) -> None:
    """Holds the metrics of two bundles' training against each other, those that both have.

    Raises:
        PromotionRefusedError: canary_metric when one is worse by more than is allowed.
    """
    for name in sorted(found.keys() & present.keys()):
        ours, theirs = found[name], present[name]
        if not (_is_number(ours) and _is_number(theirs)):
            continue
        worse = ours - theirs if lower_is_better(name) else theirs - ours
        if worse > settings.most_metric_drop * abs(theirs):
            must = f"at most {settings.most_metric_drop:.0%} worse than the model that answers in {name}, which has {theirs:.4g}"
            do = "See serving.promotion.most_metric_drop."
            raise PromotionRefusedError("canary_metric", f"bundle {version}", must=must, came=f"{ours:.4g}", do=do)


def try_engine(candidate: Engine, present: Engine | None, settings: PromotionSettings, budget_ms: float) -> Canary:
    """The whole of it without a server, on requests made up for users of the candidate's bundle. Raises as `judge` and `answer_timed`."""
    version = candidate.model_version
    asked = requests_for([], candidate.describe(), settings)
    for request in asked[:WARM_UP]:
        answer_timed(candidate.recommend, request, version)
    trials = [answer_timed(candidate.recommend, request, version) for request in asked]
    if present is not None:
        trials = [with_present(trial, present.recommend(trial.request)) for trial in trials]
    return judge(trials, version, 0, settings.budget_ms or budget_ms, settings)


def with_present(trial: Trial, answer: RecommendationAnswer) -> Trial:
    """The trial beside the present answer."""
    return replace(trial, present=answer)


def _overlap(trials: Sequence[Trial]) -> float | None:
    shares = []
    for trial in trials:
        listed = {item.item_id for item in trial.present.items} if trial.present else set()
        if listed:
            shares.append(len(listed & {item.item_id for item in trial.answer.items}) / len(listed))
    return sum(shares) / len(shares) if shares else None


def _is_finite(item: ScoredItem) -> bool:
    return all(map(math.isfinite, (item.score, *item.tasks.values())))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refused(code: Any, version: str, must: str, came: str) -> PromotionRefusedError:
    return PromotionRefusedError(code, f"bundle {version}", must=must, came=came)
