"""What the pages of events and health ask: the newest events, and how the service is."""

import math
import threading
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.responses import Response

from penchant.serving.recent import Answered
from penchant.serving.service import Service

WITHIN = 60.0
"""Seconds that latencies are told of."""
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def add_operation(app: FastAPI, service: Service) -> None:
    """Adds the two routes to the app; they need a login like all others."""
    started = time.monotonic()

    @app.get("/console/feed", include_in_schema=False)
    async def feed(after: int = 0) -> Response:
        events = [{"number": number, **asdict(event)} for number, event in service.recent.events(after)]
        return _json({"events": events, "stored": service.recent.event_count})

    @app.get("/console/state", include_in_schema=False)
    async def state() -> Response:
        answers = service.recent.answers(WITHIN)
        encoders = service.seat.encoders
        return _json(
            {
                "state": service.state,
                "model_version": service.model_version,
                "behind": service.behind,
                "words": encoders.state if encoders else None,
                "seconds": round(time.monotonic() - started),
                "stored": service.recent.event_count,
                "memory_mb": _memory(),
                "threads": threading.active_count(),
                "within": WITHIN,
                **summary(answers),
            }
        )


def summary(answers: list[Answered]) -> dict[str, Any]:
    """How many were answered, in how many milliseconds (None of none), and how many with less than was asked."""
    times = sorted(answer.seconds for answer in answers)
    latency = {name: round(1000 * times[math.ceil(share * len(times)) - 1], 3) if times else None for name, share in _SHARES.items()}
    fallbacks = Counter(answer.fallback for answer in answers if answer.fallback)
    return {
        "answers": len(answers),
        "latency_ms": latency,
        "degraded": sum(answer.degraded for answer in answers),
        "fallbacks": dict(fallbacks.most_common(10)),
    }


def _memory() -> float | None:
    """Megabytes of this process in memory, where the system tells."""
    try:
        return round(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20, 1)
    except (OSError, ValueError, IndexError):
        return None


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
