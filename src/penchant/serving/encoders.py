"""Words and pictures are encoded in a process of their own: the thread that ranks never runs a language model.

The process is this file run as a program, with a low priority and its own threads. It is told the features once, then one portion of
records at a time: every message is eight bytes of length and then JSON or safetensors, through its standard input and output. It ends when
these are closed, also when the service was killed.
"""

import asyncio
import heapq
import itertools
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread, Timer
from typing import IO, Any, Literal, get_args

import numpy as np
import orjson
import polars as pl
import torch
from safetensors.numpy import load, save

from penchant.data.records import frame_of
from penchant.features.feature import Array, Feature, build
from penchant.features.feature_set import FeatureSet
from penchant.schema.errors import PenchantError
from penchant.schema.sections.features import FeaturePart

Given = dict[str, Array]
"""Arrays `{feature: [records, *]}`; a feature that could not be read is not there."""
Record = Mapping[str, Any]
State = Literal["starting", "up", "down"]
EncodedOwner = Literal["user", "item", "context"]
ENCODED: tuple[EncodedOwner, ...] = get_args(EncodedOwner)
"""Whose features are read here; those of events are read where histories are."""

PORTION_RECORDS = 32
PORTION_CHARACTERS = 16_384
"""Records and characters of one portion, which others wait for: a tenth of a second for titles, a second for pages of text."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds until a process that died is started again, twice as many after each death without an answer between."""
LONGEST_WORK = 120.0
"""Seconds for one portion; a process that takes longer is ended."""
LONGEST_START = 300.0
"""Seconds for reading the models; the first use of a packaged one converts it."""
_LENGTH = 8
_NICE = 10
_LOOK = 0.5  # seconds; how soon the death of a process without work is noticed

logger = logging.getLogger(__name__)


@dataclass(order=True)
class _Job:
    """A portion of records that somebody waits for; the least comes first.

    Attributes:
        urgency: 0 for a request, else as many as were put together: few do not wait for many.
        number: Its place among the equally urgent.
        owner, records: What is read.
        answer: The arrays, in time.
        singly: What came of the first records one by one, since the process died over all of them; empty for one it died over.
    """

    urgency: int
    number: int
    owner: EncodedOwner = field(compare=False)
    records: Sequence[Record] = field(compare=False)
    answer: "Future[Given]" = field(compare=False, default_factory=Future)
    singly: list[Given] | None = field(compare=False, default=None)

    def is_wanted(self) -> bool:
        """Whether somebody waits, who will from now on."""
        return self.answer.running() or self.answer.set_running_or_notify_cancel()

    def give_up(self) -> None:
        """Nothing will come."""
        if self.is_wanted():
            self.answer.set_result({})


class Encoders:
    """The process, seen from the service: starts it, hands it portions, starts it again when it dies.

    Args:
        features: Fitted.
        directory: Where relative paths of their settings start.
        threads: Of the process.
        patience: Seconds that a request may wait for it.
    """

    def __init__(self, features: FeatureSet, directory: Path, threads: int = 1, patience: float = 0.1) -> None:
        self.patience = patience
        self.columns = {
            owner: sorted({column for name in features.pretrained(owner) for column in features.parts[owner][name].reads(name)})
            for owner in ENCODED
        }
        self.state: State = "starting"
        self._missing = {owner: {name: features.missing(owner, name) for name in features.pretrained(owner)} for owner in ENCODED}
        self._features, self._directory, self._threads = features, directory, threads
        self._waiting: list[_Job] = []
        self._numbers = itertools.count()
        self._changed = Condition()
        self._closing = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = Thread(target=self._run, name="encoders", daemon=True)

    @property
    def needed(self) -> bool:
        """Whether there is anything to encode."""
        return any(self.columns.values())

    @property
    def process_id(self) -> int | None:
        """The process's; None while there is none."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Starts the process; `state` tells when it is up. Returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Ends the process, whatever it does; who still waits is told that nothing will come."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        process = self._process
        if process is not None:
            process.kill()
        if self._thread.is_alive():
            self._thread.join()
        self._give_up_waiting()

    async def encode(self, owner: EncodedOwner, records: Sequence[Record], urgency: int = 0) -> Given:
        """Arrays `{feature: [n, *]}` of the records, in time: also when the process has died and is started again.

        What could not be read of one is missing there; a feature that could read none is left out, as all are of a service that ends.
        Cancelled, what has not begun is not read.

        Args:
            owner: Whose records.
            records: `[n]`, with the columns that the owner's features read.
            urgency: 0 for a request, which comes first; else as many as were put together: few do not wait for many.
        """
        told = [{column: record.get(column) for column in self.columns[owner]} for record in records]
        jobs = [_Job(urgency, next(self._numbers), owner, some) for some in _portions(told)]
        with self._changed:
            for job in jobs:
                heapq.heappush(self._waiting, job)
            self._changed.notify_all()
            if self._closing:
                self._give_up_waiting()
        found = await asyncio.gather(*(asyncio.wrap_future(job.answer) for job in jobs))
        return self._joined(owner, found, [len(job.records) for job in jobs])

    def _run(self) -> None:
        """Keeps a process up until closed."""
        deaths = 0
        while not self._closing:
            job = None
            try:
                process = self._started()
                while (job := self._next()) is not None:
                    self._work(process, job)
                    job, deaths = None, 0
            except Exception as error:  # whatever it is, there must be a process again
                self.state, deaths = "down", deaths + 1
                if job is not None:
                    self._put_back(job)
                if not self._closing:
                    pause = min(FIRST_PAUSE * 2.0 ** min(deaths - 1, 20), LONGEST_PAUSE)
                    logger.warning("the encoders' process died (%s); it is started again in %g s", type(error).__name__, pause)
                    with self._changed:
                        self._changed.wait_for(lambda: self._closing, pause)
            finally:
                self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        """A process that is told the features and has read their models. Raises OSError or EOFError when it does not come up."""
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TOKENIZERS_PARALLELISM": "false"}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(self._threads))
        # A session of its own: Ctrl-C is meant for the service, which then ends this in good order.
        with self._changed:
            if self._closing:
                raise EOFError
            self._process = process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(self._threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        with _at_most(LONGEST_START, process):
            facts, arrays = _told(self._features)
            _send(process.stdin, orjson.dumps([str(self._directory.absolute()), facts]))
            _send(process.stdin, save(arrays))
            _receive(process.stdout)
        self.state = "up"
        return process

    def _end(self) -> None:
        process = self._process
        if process is not None:
            process.kill()
            process.wait()
            for pipe in filter(None, (process.stdin, process.stdout)):
                with suppress(OSError):  # what was left to be written has no reader
                    pipe.close()
        self._process = None

    def _next(self) -> _Job | None:
        """The most urgent job that somebody still waits for; None when closed. Raises EOFError when the process dies while it has none."""
        with self._changed:
            while True:
                while not (self._changed.wait_for(lambda: self._closing or self._waiting, _LOOK) or self._is_dead()):
                    pass
                if self._closing:
                    return None
                if not self._waiting:
                    raise EOFError
                job = heapq.heappop(self._waiting)
                if job.is_wanted():
                    return job

    def _is_dead(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _work(self, process: subprocess.Popen[bytes], job: _Job) -> None:
        """One job's answer. Raises OSError or EOFError when the process dies."""
        if job.singly is None:
            job.answer.set_result(self._ask(process, job.owner, job.records))
            return
        while len(job.singly) < len(job.records):
            job.singly.append(self._ask(process, job.owner, [job.records[len(job.singly)]]))
        job.answer.set_result(self._joined(job.owner, job.singly, [1] * len(job.singly)))

    def _ask(self, process: subprocess.Popen[bytes], owner: EncodedOwner, records: Sequence[Record]) -> Given:
        with _at_most(LONGEST_WORK, process):
            _send(process.stdin, orjson.dumps({"owner": owner, "records": records}, default=str))
            return load(_receive(process.stdout))

    def _put_back(self, job: _Job) -> None:
        """What the process died over is read record by record, and a record that it dies over alone is given up; a request is at once."""
        if job.urgency == 0:
            job.give_up()
            return
        job.singly = [] if job.singly is None else [*job.singly, {}]
        with self._changed:
            heapq.heappush(self._waiting, job)

    def _joined(self, owner: EncodedOwner, found: Sequence[Given], sizes: Sequence[int]) -> Given:
        """Arrays of several portions as those of all; what one lacks is missing there, and what all lack is left out."""
        missing = self._missing[owner]
        filled = [
            {name: np.repeat(array, size, axis=0) for name, array in missing.items()} | one for one, size in zip(found, sizes, strict=True)
        ]
        return {name: np.concatenate([one[name] for one in filled]) for name in missing if any(name in one for one in found)}

    def _give_up_waiting(self) -> None:
        for job in self._waiting:
            job.give_up()
        self._waiting.clear()


def _portions(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """The records in their order, so few together that others need not wait long."""
    start = characters = 0
    for place, record in enumerate(records):
        own = sum(len(str(value)) for value in record.values())
        if place > start and (place - start == PORTION_RECORDS or characters + own > PORTION_CHARACTERS):
            yield records[start:place]
            start, characters = place, 0
        characters += own
    if records:
        yield records[start:]


@contextmanager
def _at_most(seconds: float, process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Ends the process when this lasts longer."""
    timer = Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _send(pipe: IO[bytes] | None, content: bytes) -> None:
    assert pipe is not None
    pipe.write(len(content).to_bytes(_LENGTH, "big"))
    pipe.write(content)
    pipe.flush()


def _receive(pipe: IO[bytes] | None) -> bytes:
    """The next message. Raises EOFError when there is none any more."""
    assert pipe is not None
    length = int.from_bytes(pipe.read(_LENGTH) or _nothing(), "big")
    content = pipe.read(length)
    return content if len(content) == length else _nothing()


def _nothing() -> bytes:
    raise EOFError("the other side is gone")


def _told(features: FeatureSet) -> tuple[list[dict[str, Any]], Given]:
    """What the process must know: each feature's lines of the recipe and what it learnt."""
    facts: list[dict[str, Any]] = []
    arrays: Given = {}
    for owner in ENCODED:
        for name in features.pretrained(owner):
            learnt, own = features.features[owner][name].state()
            part = features.parts[owner][name].model_dump(mode="json")
            facts.append({"owner": owner, "name": name, "part": part, "learnt": learnt})
            arrays |= {f"{owner}.{name}/{key}": np.ascontiguousarray(array) for key, array in own.items()}
    return facts, arrays


def _restored(directory: Path, facts: list[dict[str, Any]], arrays: Given) -> dict[str, dict[str, tuple[FeaturePart, Feature]]]:
    """The inverse of `_told`: features by owner and name."""
    features: dict[str, dict[str, tuple[FeaturePart, Feature]]] = {}
    for told in facts:
        owner, name, part = told["owner"], told["name"], FeaturePart.model_validate(told["part"])
        prefix = f"{owner}.{name}/"
        own = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
        feature = build(part, f"features, {owner}.{name}", directory).restore(told["learnt"], own)
        features.setdefault(owner, {})[name] = (part, feature)
    return features


def _transformed(features: Mapping[str, tuple[FeaturePart, Feature]], records: list[dict[str, Any]]) -> Given:
    """The records' arrays; a feature that cannot read them is left out, and what it said is logged without what it read."""
    table, found = frame_of(records), {}
    for name, (part, feature) in features.items():
        try:
            found[name] = np.ascontiguousarray(feature.transform(_read(table, part.reads(name))))
        except Exception as error:
            logger.error("feature '%s' could not be encoded: %s", name, error if isinstance(error, PenchantError) else type(error).__name__)
    return found


def _read(table: pl.DataFrame, columns: tuple[str, ...]) -> pl.Series:
    return table[columns[0]] if len(columns) == 1 else table.select(pl.struct(columns)).to_series()


def work(source: IO[bytes], target: IO[bytes]) -> None:
    """What the process does: learn the features, then answer portions until nothing comes any more."""
    directory, facts = orjson.loads(_receive(source))
    features = _restored(Path(directory), facts, load(_receive(source)))
    for owner, own in features.items():  # reads the models, so that the first request does not wait for them
        _transformed(own, [{column: f"a first {owner}" for name, (part, _) in own.items() for column in part.reads(name)}])
    _send(target, b"up")
    with suppress(EOFError, BrokenPipeError):
        while True:
            asked = orjson.loads(_receive(source))
            _send(target, save(_transformed(features.get(asked["owner"], {}), asked["records"])))


def _main(threads: int) -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the answers
    if hasattr(os, "nice"):
        os.nice(_NICE)
    torch.set_num_threads(threads)
    work(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
