"""Requests that wait for the same thread are answered by one call: a burst costs less than its requests one by one."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Together(Generic[Request, Answer]):
    """Nobody waits for company: a call takes whoever has come by the time the thread is free.

    Args:
        thread: Runs one call at a time.
        answer: Answers requests, in their order.
        most: Requests of one call; may change.
    """

    def __init__(self, thread: Executor, answer: Callable[[list[Request]], list[Answer]], most: int) -> None:
        self._thread, self._answer, self.most = thread, answer, most
        self._waiting: deque[tuple[Request, Future[Answer]]] = deque()

    async def ask(self, request: Request) -> Answer:
        """The answer to one request. Raises what `answer` raises, to everybody whose request was in that call."""
        future: Future[Answer] = Future()
        self._waiting.append((request, future))
        self._thread.submit(self._answer_waiting)  # as many calls as requests: those that find nobody waiting cost nothing
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Tells whoever still waits that no answer will come; the thread has ended."""
        for _, future in self._waiting:
            future.cancel()

    def _answer_waiting(self) -> None:
        taken = [self._waiting.popleft() for _ in range(min(self.most, len(self._waiting)))]
        taken = [(request, future) for request, future in taken if future.set_running_or_notify_cancel()]
        if not taken:
            return
        try:
            answers = self._answer([request for request, _ in taken])
        except Exception as error:
            for _, future in taken:
                future.set_exception(error)
        else:
            for (_, future), answer in zip(taken, answers, strict=True):
                future.set_result(answer)
