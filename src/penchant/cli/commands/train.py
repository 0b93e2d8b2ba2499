"""`penchant train`: data, training, evaluation, gate, bundle."""

import json
import time
from dataclasses import asdict
from hashlib import sha256
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np

from penchant.cli.commands.check import keep_rejected, show_actions, show_steps
from penchant.cli.commands.evaluate import show
from penchant.cli.data import packed_folder, read_data
from penchant.cli.home import HomeFolder
from penchant.cli.recipe import read_recipe
from penchant.cli.terminal import Terminal
from penchant.data.dataset import Dataset
from penchant.evaluation.summary import Evaluation
from penchant.fitting.loop import Progress
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import Recommender
from penchant.models.saved import write
from penchant.schema.errors import PenchantError
from penchant.schema.recipe import Recipe
from penchant.storage.bundles import Metadata
from penchant.studies.baselines import usual_rivals
from penchant.studies.evaluate import evaluate
from penchant.studies.fit import with_seed
from penchant.studies.workflow import train

ALIAS = "champion"
HASHED_AT_ONCE = 1_000_000  # events


class GateError(PenchantError):
    """The fitted model is no better than popularity."""

    code = "gate"
    exit_code = 9


def run(
    terminal: Terminal, recipe: Path, home: Path | None, resume: bool, seed: int | None, packed: bool = False, packed_in: Path | None = None
) -> None:
    """Train, judge, keep the bundle, and say how to serve it.

    Raises:
        GateError: when it is no better than popularity; the bundle is kept without its alias.
    """
    settings = with_seed(read_recipe(recipe), seed)
    place = HomeFolder.of(recipe, home)
    version, evaluation, place = train_bundle(terminal, settings, place, resume, packed_folder(place, packed, packed_in))
    terminal.line("next", f"penchant serve {recipe}")
    terminal.result(bundle=version, home=str(place.path), evaluation=json.loads(evaluation.to_json()))


def train_bundle(
    terminal: Terminal, recipe: Recipe, place: HomeFolder, resume: bool = False, packed: Path | None = None
) -> tuple[str, Evaluation, HomeFolder]:
    """Train, judge, and keep a bundle that beats popularity under the alias `champion`; `packed` is a packed log's folder, if any.

    Raises:
        GateError: when it does not; the bundle is kept without the alias.
    """
    data = read_data(recipe, packed)
    if data.report is None:
        size = f"{len(data.log.users):,} users  {len(data.log.items):,} items  {len(data):,} events"
        terminal.line("data", f"{size}   packed in {packed}; cleaned then, not checked now")
    else:
        terminal.line("data", data.report.summary())
        show_actions(terminal, data)
        keep_rejected(terminal, data, place.path / "rejected")
    train_part, valid, test = data.split()
    parts = f"{len(train_part):,} to learn from, {len(valid):,} to choose by, {len(test):,} to be judged on"
    terminal.line("split", f"{recipe.split.kind}: {parts}")
    funnel = show_steps(terminal, train_part)
    shown = _Shown(terminal, recipe)
    model = train(recipe, train_part, valid, checkpoint=place.checkpoint, resume=resume, report=shown)
    shown.end(model)
    _show_what_was_fitted_to_it(terminal, model)
    evaluation = _evaluate(model, train_part, valid, test)
    show(terminal, evaluation, place)
    provenance: dict[str, Any] = {"seed": recipe.training.seed, "data": _fingerprint(data), "events": len(data.log)}
    provenance |= {"funnel": funnel} if funnel else {}
    tuned = getattr(getattr(model, "trainer", None), "tuned", ())
    provenance |= {"tuned": [asdict(each) for each in tuned]} if tuned else {}
    metadata = Metadata(metrics=_headlines(evaluation), provenance=provenance)
    store = place.bundles()
    version = store.create(lambda folder: write(model, folder), metadata)
    _gate(terminal, evaluation, version)
    store.promote(ALIAS, version, by="train")
    return version, evaluation, place


def _show_what_was_fitted_to_it(terminal: Terminal, model: Recommender) -> None:
    """The tuned encoders, the calibration and the learnt weights of the final score, where the recipe asked for them."""
    if isinstance(model, NetworkRecommender):
        for tuned in getattr(model.trainer, "tuned", ()):
            terminal.line("tuned", str(tuned))
        score = [] if model.learnt_score is None else model.learnt_score.sentences(model.scenario_codes)
        for word, sentences in (("calibrated", model.calibration.sentences()), ("ranked by", score)):
            for sentence in sentences:
                terminal.line(word, sentence)


class _Shown:
    """Progress with rate and time left."""

    def __init__(self, terminal: Terminal, recipe: Recipe) -> None:
        self.terminal, self.epochs = terminal, recipe.training.epochs
        self.started, self.lines = time.monotonic(), 0

    def __call__(self, progress: Progress, done: int, batches: int) -> None:
        self._epochs(progress)
        losses = "  ".join(f"{name} {value / done:.3f}" for name, value in progress.sums.items())
        rate = progress.step / max(progress.seconds, 1e-9)
        total = self.epochs * batches
        text = f"epoch {progress.epoch + 1}/{self.epochs}  loss {losses}  {rate:.1f} batches/s"
        self.terminal.progress("train", progress.epoch * batches + done, total, text, self.started)

    def end(self, model: Recommender) -> None:
        """The last epochs, and why training ended."""
        progress = getattr(getattr(model, "trainer", None), "progress", None)
        if progress:
            self._epochs(progress)
            kept = f"kept epoch {progress.best_epoch + 1}"
            self.terminal.line("train", f"ended by {progress.finished} after {progress.seconds:.0f} s; {kept}")

    def _epochs(self, progress: Progress) -> None:
        for row in progress.curves[self.lines :]:
            values = "  ".join(f"{name} {value:.3f}" for name, value in row.items() if name not in ("epoch", "seconds"))
            shown = f"epoch {row['epoch']:.0f}/{self.epochs}" if row["epoch"] >= 1 else "before"  # an encoder's, fitted before the network
            self.terminal.line("train", f"{shown}  {values}  {row['seconds']:.0f} s")
        self.lines = len(progress.curves)


def _evaluate(model: Recommender, train_part: Dataset, valid: Dataset, test: Dataset) -> Evaluation:
    progress = getattr(getattr(model, "trainer", None), "progress", None)
    curves = progress.curves if progress else ()
    return evaluate(model, test, usual_rivals(train_part, valid), train=train_part, curves=curves, title="How good the recommendations are")


def _headlines(evaluation: Evaluation) -> dict[str, Any]:
    """The model's first metric in every task where it is defined."""
    names = [(task, evaluation.metrics(task)[0]) for task in evaluation.tasks]
    found = {f"{task}.{metric}": evaluation.metric(evaluation.model, task, metric) for task, metric in names}
    return {name: metric.value for name, metric in found.items() if metric is not None and not isnan(metric.value)}


def _fingerprint(data: Dataset) -> str:
    """Of who, what and when; read in slices, as a log may be larger than memory."""
    told = sha256()
    for array in (data.log.user, data.log.item, data.log.time):
        for start in range(0, len(array), HASHED_AT_ONCE):
            told.update(np.asarray(array[start : start + HASHED_AT_ONCE]).tobytes())
    return told.hexdigest()


def _gate(terminal: Terminal, evaluation: Evaluation, version: str) -> None:
    """Better than popularity in the lists, or than the item mean in every task; the interval of the difference must say so."""
    decisive = [each for each in evaluation.comparisons if each.baseline in ("popularity", "item mean")][:1]
    for each in decisive:
        low, high = each.difference.metric.low, each.difference.metric.high
        interval = f"95 % interval {low:+.4f} to {high:+.4f}"
        said = f"{each.task} {each.metric} {each.difference.metric.value:+.4f} against {each.baseline} ({interval})"
        if each.difference.verdict != "better":
            do = f"It is kept, without the alias {ALIAS}. Try more epochs or features."
            raise GateError(f"bundle {version}", must=f"better than {each.baseline}", came=said, do=do)
        terminal.line("gate", f"{said}: bundle {version} is {ALIAS}")
