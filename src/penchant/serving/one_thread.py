"""A thread that works off what it is given, and that the process need not wait for when it hangs."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class OneThread(Executor):
    """As `ThreadPoolExecutor(1)`, but a thread that never comes back does not keep the process from ending.

    Args:
        name: The thread's.
    """

    def __init__(self, name: str) -> None:
        self._waiting: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._since: float | None = None
        self._closed = False
        self._door = threading.Lock()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def busy_seconds(self) -> float:
        """How long it has been at what it does now; 0 when it waits."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def submit(self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> Future[T]:
        """As `Executor.submit`."""
        future: Future[T] = Future()
        with self._door:
            if self._closed:
                raise RuntimeError("a closed thread takes no work")
            self._waiting.put((future, lambda: function(*arguments, **named)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As `Executor.shutdown`."""
        self.close(None if wait else 0.0, cancel=cancel_futures)

    def close(self, patience: float | None, *, cancel: bool = True) -> bool:
        """Takes no more work and waits for the thread; whether it has ended.

        Args:
            patience: The most seconds to wait; None = as long as it takes.
            cancel: What has not begun is cancelled.
        """
        with self._door:
            if not self._closed:
                self._closed = True
                if cancel:
                    self._cancel()
                self._waiting.put(None)
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _cancel(self) -> None:
        while not self._waiting.empty():
            job = self._waiting.get()
            if job is not None:
                job[0].cancel()

    def _work(self) -> None:
        while (job := self._waiting.get()) is not None:
            future, function = job
            if not future.set_running_or_notify_cancel():
                continue
            self._since = time.monotonic()
            try:
                result = function()
            except BaseException as error:  # as ThreadPoolExecutor does: whoever waits is told
                future.set_exception(error)
            else:
                future.set_result(result)
            finally:
                self._since = None
            del job, future, function
