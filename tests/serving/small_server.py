"""A server of its own process on a failing engine: `small_server.py FOLDER DRAIN`; user "slow" is answered after a second, "hang" never."""

import json
import sys
import time

from failing_engine import FailingEngine

from penchant.serving.limits import Limits
from penchant.serving.protocol import RecommendationAnswer, RecommendationRequest
from penchant.serving.server import Started, run


class SlowEngine(FailingEngine):
    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        if request.user_id == "hang":
            time.sleep(1000)
        if request.user_id == "slow":
            time.sleep(1)
        return super().recommend(request)


def tell(started: Started) -> None:
    print(json.dumps({"url": started.url, "key": started.key}), flush=True)


if __name__ == "__main__":
    run(sys.argv[1], SlowEngine(), port=0, limits=Limits(drain=float(sys.argv[2]), deadline=3.0), log_format="json", announce=tell)
