"""The bundles of a home and which of them answers: promoted beside the one that answers, after a canary; rolled back at once."""

import asyncio
import contextlib
import gc
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from penchant.schema.errors import BundleError, PenchantError
from penchant.schema.sections.promotion import PromotionSettings
from penchant.serving.canary import WARM_UP, Canary, Trial, answer_timed, compare_metrics, judge, requests_for, with_present
from penchant.serving.protocol import Description, Engine, RecommendationRequest
from penchant.serving.refusal import PromotionRefusedError
from penchant.serving.release import release
from penchant.serving.seat import Seat
from penchant.serving.service import Service
from penchant.storage.bundles import Bundle, BundleRefusedError, BundleStore

T = TypeVar("T")

ALIAS = "champion"
LOOKS = 1.0
"""Seconds between looks at the aliases, which another process may have moved."""
KEEPS_UP = 10.0
"""Seconds between the times when the earlier engine, kept for a roll-back, takes in what was stored."""
BETWEEN_TRIALS = 0.005
"""Seconds between two trials, which belong to whoever asks meanwhile."""
TURN = 0.0002
"""Seconds that one thread may keep Python to itself while a model is loaded; with the usual 0.005 each of the many steps of
an answer could wait that long for the thread that loads."""
MOST_BEHIND = 200
"""Events that may be left for the moment of the switch, in which nobody is answered."""
Step = Literal["verify", "load", "catch_up", "warm_up", "canary", "alias", "switch", "done", "refused"]
Action = Literal["promote", "rollback", "follow"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bundles:
    """Where models come from.

    Attributes:
        store: The versions and their aliases.
        load: An engine of a verified bundle; called in a thread of its own.
        alias: What is moved and followed.
        follows: Whether the alias is followed when another process moves it.
        settings: What a candidate must show.
        budget_ms: Milliseconds for an answer, where the settings name none.
    """

    store: BundleStore
    load: Callable[[Bundle], Engine]
    alias: str = ALIAS
    follows: bool = True
    settings: PromotionSettings = field(default_factory=PromotionSettings)
    budget_ms: float = 200.0


@dataclass
class Promotion:
    """How one promotion or roll-back stands.

    Attributes:
        action: What was asked for; `follow` when the alias was moved by another process.
        version: The candidate.
        by: Who asked.
        started: Seconds since 1970.
        step: What is being done, or `done`, or `refused`.
        seconds: How long it took so far.
        code: Why it was refused.
        detail: The same for people.
        canary: What the candidate showed.
    """

    action: Action
    version: str
    by: str
    started: float = field(default_factory=time.time)
    step: Step = "verify"
    seconds: float = 0.0
    code: str | None = None
    detail: str | None = None
    canary: Canary | None = None
    _begun: float = field(default_factory=time.monotonic, repr=False)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.step in ("done", "refused")

    def go_to(self, step: Step) -> None:
        """The next step."""
        self.step, self.seconds = step, round(time.monotonic() - self._begun, 3)

    def told(self) -> dict[str, Any]:
        """The same for the outside."""
        seconds = self.seconds if self.is_over else round(time.monotonic() - self._begun, 3)
        names = ("action", "version", "by", "started", "step", "code", "detail", "canary")
        return {name: getattr(self, name) for name in names} | {"seconds": seconds}


class Models:
    """One promotion at a time; all of it in a thread of its own but for the switch.

    The earlier engine stays in memory and keeps up with the log, so that going back costs no loading: twice the memory of one.

    Args:
        service: Whose engine is exchanged; it began with a version of the store.
        bundles: Where models come from.
    """

    def __init__(self, service: Service, bundles: Bundles) -> None:
        self._service, self._bundles, self._store = service, bundles, bundles.store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="models")
        self._earlier: Seat | None = None
        self._under_way: asyncio.Task[None] | None = None
        self._mark = bundles.store.marked()
        self.promotion: Promotion | None = None

    async def run(self) -> None:
        """Follows the alias and lets the earlier engine keep up, until cancelled."""
        kept_up = time.monotonic()
        while True:
            await asyncio.sleep(LOOKS)
            if self.is_busy or self._service.state != "ready":
                continue
            with contextlib.suppress(PenchantError):  # what stands in the way is told by `promotion`, and by the log
                await self._look()
            if self._earlier is not None and time.monotonic() - kept_up > KEEPS_UP and not self.is_busy:
                await self._keep_up(self._earlier)
                kept_up = time.monotonic()

    @property
    def is_busy(self) -> bool:
        """Whether a promotion or roll-back is under way."""
        return self._under_way is not None and not self._under_way.done()

    def begin_promotion(self, version: str, by: str) -> Promotion:
        """Begins to promote a version; `wait` for it. Promoting the one that answers verifies it and moves the alias.

        Raises:
            PromotionRefusedError: promotion_under_way.
            BundleRefusedError: unknown_version.
        """
        self._store.look(version)
        return self._begin(Promotion("promote", version, by), self._promote)

    def begin_rollback(self, by: str) -> Promotion:
        """Begins to go back to where the alias pointed before.

        Raises:
            PromotionRefusedError: promotion_under_way, no_earlier_model.
        """
        version = self._store.earlier(self._bundles.alias)
        if version is None:
            must, came = "promoted twice before it can go back", "no earlier version"
            raise PromotionRefusedError("no_earlier_model", f"alias '{self._bundles.alias}'", must=must, came=came)
        return self._begin(Promotion("rollback", version, by), self._roll_back)

    async def wait(self, seconds: float) -> None:
        """Until what is under way is over, or the time is."""
        if self._under_way is not None:
            await asyncio.wait([self._under_way], timeout=seconds)

    async def known(self) -> list[dict[str, Any]]:
        """Every version, the newest first: what its manifest says, its aliases, and whether it answers or is kept warm."""
        return await self._in_thread_of_files(self._listed)

    async def earlier(self) -> str | None:
        """The version that a roll-back would go to, if any."""
        return await self._in_thread_of_files(lambda: self._store.earlier(self._bundles.alias))

    async def audit(self, most: int) -> list[dict[str, Any]]:
        """The newest lines of the audit trail."""
        return await self._in_thread_of_files(lambda: self._store.audit.newest(most))

    def close(self) -> None:
        """Ends what is under way."""
        if self._under_way is not None:
            self._under_way.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin(self, promotion: Promotion, work: Callable[[Promotion], Awaitable[None]]) -> Promotion:
        if self.is_busy:
            must, do = "the only one", "Wait for it: GET /v1/models tells how it stands."
            raise PromotionRefusedError("promotion_under_way", "a promotion", must=must, came="another that is under way", do=do)
        self.promotion = promotion
        self._under_way = asyncio.create_task(self._carried_out(promotion, work))
        return promotion

    async def _carried_out(self, promotion: Promotion, work: Callable[[Promotion], Awaitable[None]]) -> None:
        before, turn = self._service.model_version, sys.getswitchinterval()
        try:
            sys.setswitchinterval(TURN)
            await work(promotion)
            promotion.go_to("done")
        except Exception as error:
            promotion.code, promotion.detail = _reason(error)
            promotion.go_to("refused")
            _log.error("bundle %s did not take over: %s", promotion.version, promotion.code)
            with contextlib.suppress(BundleError):
                await self._in_thread_of_files(lambda: self._note_refusal(promotion, before))
        finally:
            sys.setswitchinterval(turn)
            self._mark = self._store.marked()

    async def _promote(self, promotion: Promotion) -> None:
        version = promotion.version
        if version != self._service.model_version:
            await self._replace(promotion, lambda: self._store.promote(self._bundles.alias, version, promotion.by))
        else:
            await self._in_thread(lambda: self._store.promote(self._bundles.alias, version, promotion.by))

    async def _roll_back(self, promotion: Promotion) -> None:
        def move() -> None:
            self._store.rollback(self._bundles.alias, promotion.by)

        if promotion.version == self._service.model_version:
            await self._in_thread(move)
        else:
            await self._replace(promotion, move, tried=False)

    async def _follow(self, promotion: Promotion) -> None:
        await self._replace(promotion, lambda: None)

    async def _replace(self, promotion: Promotion, move: Callable[[], None], tried: bool = True) -> None:
        """The candidate beside the engine that answers, tried, then in its place; when anything fails nothing has changed."""
        warm = self._earlier if self._earlier is not None and self._earlier.version == promotion.version else None
        seat = warm or await self._loaded(promotion)
        try:
            promotion.go_to("catch_up")
            await self._caught_up(seat)
            if tried:
                await self._try(promotion, seat)
            promotion.go_to("alias")
            await self._in_thread(move)
            promotion.go_to("switch")
            await self._caught_up(seat)
            replaced = await self._service.switch(seat, self._thread)
        except BaseException:
            if seat is not warm:
                await self._dismiss(seat)
            raise
        if self._earlier is not None and self._earlier is not seat:
            await self._dismiss(self._earlier)
        self._earlier = replaced

    async def _loaded(self, promotion: Promotion) -> Seat:
        bundle = await self._in_thread(lambda: self._store.open(promotion.version))
        promotion.go_to("load")
        try:
            engine = await self._in_thread(lambda: self._bundles.load(bundle))
        except PenchantError:
            raise
        except Exception as error:
            raise self._refused("not_loaded", promotion, "a model that can be read", error) from None
        seat = self._service.seat_for(engine, self._thread)
        self._service.follow(seat)  # before it reads what is stored: nothing falls between the two
        promotion.go_to("catch_up")
        try:
            await seat.rebuild()
        except BaseException as error:
            await self._dismiss(seat)
            if not isinstance(error, Exception):
                raise
            raise self._refused("state_not_rebuilt", promotion, "able to take in what is stored", error) from None
        gc.freeze()  # what is loaded by now stays for long; looking through it for garbage would hold up every request
        return seat

    async def _caught_up(self, seat: Seat) -> None:
        """All but for the last moment's; where events come faster than they are taken in, as far as a few rounds get."""
        for _ in range(10):
            before = seat.through
            await seat.catch_up()
            if seat.through - before <= MOST_BEHIND:
                return

    async def _try(self, promotion: Promotion, seat: Seat) -> None:
        settings, version, engine = self._bundles.settings, promotion.version, seat.engine
        promotion.go_to("warm_up")
        facts: Description = await seat.ask(engine.describe)
        recent = self._service.recent.requests
        asked = requests_for(recent, facts, settings)
        for request in asked[:WARM_UP]:
            await seat.ask(answer_timed, engine.recommend, request, version)
            await asyncio.sleep(BETWEEN_TRIALS)
        promotion.go_to("canary")
        budget = settings.budget_ms or self._bundles.budget_ms
        trials = [await self._tried(seat, request, version) for request in asked]
        promotion.canary = judge(trials, version, min(len(recent), settings.requests), budget, settings)
        ours, theirs = await self._in_thread(lambda: (self._store.look(version), self._store.look(self._service.model_version)))
        compare_metrics(version, ours.metrics, theirs.metrics, settings)

    async def _tried(self, seat: Seat, request: RecommendationRequest, version: str) -> Trial:
        """Beside the present answer, and in the thread of the engine that answers: two models at work at once would hold each other up
        for far longer than one request more in the queue does, and the clock would count the other's work."""
        trial: Trial = await self._service.in_turn(lambda: seat.call(answer_timed, seat.engine.recommend, request, version))
        await asyncio.sleep(BETWEEN_TRIALS)
        try:
            return with_present(trial, await self._service.ask_alone(request))
        except Exception:
            return trial  # what answers now has no answer to be held against

    async def _look(self) -> None:
        """Follows an alias that another process has moved."""
        mark = self._store.marked()
        if mark == self._mark or not self._bundles.follows:
            return
        self._mark = mark
        version = (await self._in_thread_of_files(self._store.aliases)).get(self._bundles.alias)
        if version is not None and version != self._service.model_version:
            self._begin(Promotion("follow", version, "another process"), self._follow)

    async def _keep_up(self, seat: Seat) -> None:
        try:
            await seat.catch_up()
        except Exception as error:
            _log.error("the earlier model could not keep up and is let go: %s", type(error).__name__)
            self._earlier = None
            await self._dismiss(seat)

    async def _dismiss(self, seat: Seat) -> None:
        """Lets go of a seat and its memory when the last request that began with it has ended."""
        self._service.leave(seat)
        seat.close()
        while not seat.is_free:
            await asyncio.sleep(0.01)
        await self._in_thread(lambda: seat.call(release, seat))  # one whose caller no longer waits may still be at work

    def _listed(self) -> list[dict[str, Any]]:
        names: dict[str, list[str]] = {}
        for alias, version in self._store.aliases().items():
            names.setdefault(version, []).append(alias)
        present, warm = self._service.model_version, self._earlier.version if self._earlier else None
        found = []
        for version in sorted({*self._store.versions(), present}, key=lambda name: (len(name), name), reverse=True):
            state = "serving" if version == present else "warm" if version == warm else "stored"
            told: dict[str, Any] = {"version": version, "serving": version == present, "state": state, "aliases": names.get(version, [])}
            try:
                said = self._store.look(version)
                told |= {"created": said.created, "code_version": said.code_version, "metrics": said.metrics}
            except BundleRefusedError as error:
                told |= {"state": state if version == present else "refused", "code": error.reason}
            found.append(told)
        return found

    def _note_refusal(self, promotion: Promotion, before: str) -> None:
        alias, version = self._bundles.alias, promotion.version
        self._store.audit.append("refused", by=promotion.by, alias=alias, version=version, before=before, code=promotion.code)

    def _refused(self, code: Any, promotion: Promotion, must: str, error: Exception) -> PromotionRefusedError:
        return PromotionRefusedError(code, f"bundle {promotion.version}", must=must, came=f"a {type(error).__name__}")

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _in_thread_of_files(self, work: Callable[[], T]) -> T:
        """Not in the models' own, which may be loading for minutes."""
        return await asyncio.to_thread(work)


def _reason(error: Exception) -> tuple[str, str]:
    """The code, and what people are told: nothing of paths."""
    if isinstance(error, BundleRefusedError):
        return error.reason, f"The bundle is refused ({error.reason}): it is not exactly what was made."
    if isinstance(error, PromotionRefusedError):
        return error.code, str(error)
    if isinstance(error, PenchantError):
        return error.code, "It could not be read or written; see the server's log."
    return "internal", "The server failed on its side."
