"""What is counted of a running service, in the text format of Prometheus. No label holds an id or anything a caller sent."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the latency histogram; 0.1 is the usual deadline."""
UNMATCHED = "unmatched"
"""The route of requests that no route takes; their paths may hold anything."""

Gauge = tuple[str, str, dict[str, str], float]
"""Name, meaning, labels, value."""


class Metrics:
    """Counters of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter("penchant_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry)
        self._seconds = Histogram(
            "penchant_request_seconds",
            "From a request's head to the end of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._answers = Counter(
            "penchant_answers", "Lists by the rung that gave them and why it was no higher one.", ("rung", "reason"), registry=self.registry
        )
        self._refused = Counter("penchant_refused", "Requests refused because too many waited.", ("what",), registry=self.registry)
        self._events = Counter("penchant_events", "Events that came.", ("outcome",), registry=self.registry)
        self._nonfinite = Counter(
            "penchant_nonfinite_scores", "Items left out because a number of theirs was none.", registry=self.registry
        )
        self._cache_hits = Counter("penchant_cache_hits", "Requests answered by an answer that still stood.", registry=self.registry)
        self._lost_lines = Counter("penchant_log_lines_dropped", "Lines of the log that nobody took in time.", registry=self.registry)
        for outcome in ("accepted", "duplicate", "rejected"):
            self._events.labels(outcome)
        ProcessCollector(registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def listed(self, rung: str, reason: str) -> None:
        """A list was given; `reason` is empty for one of the highest rung."""
        self._answers.labels(rung, reason).inc()

    def refused(self, what: str) -> None:
        """A request was, because too many waited."""
        self._refused.labels(what).inc()

    def events(self, *, accepted: int = 0, duplicate: int = 0, rejected: int = 0) -> None:
        """Events came."""
        for outcome, count in (("accepted", accepted), ("duplicate", duplicate), ("rejected", rejected)):
            self._events.labels(outcome).inc(count)

    def nonfinite(self, items: int) -> None:
        """Items were left out."""
        self._nonfinite.inc(items)

    def cached(self) -> None:
        """A request was answered by an answer that stands."""
        self._cache_hits.inc()

    def lost_line(self) -> None:
        """A line of the log was."""
        self._lost_lines.inc()

    def watch(self, look: Callable[[], Iterable[Gauge]]) -> None:
        """What is looked up whenever somebody reads."""
        self.registry.register(_Looked(look))

    def text(self) -> bytes:
        """All of it."""
        return generate_latest(self.registry)


class _Looked:
    def __init__(self, look: Callable[[], Iterable[Gauge]]) -> None:
        self._look = look

    def describe(self) -> list[Metric]:
        """Nothing: else registering would look before there is anything to see."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Each gauge, those of one name together."""
        families: dict[str, GaugeMetricFamily] = {}
        for name, meaning, labels, value in self._look():
            family = families.setdefault(name, GaugeMetricFamily(name, meaning, labels=list(labels)))
            family.add_metric(list(labels.values()), value)
        yield from families.values()
