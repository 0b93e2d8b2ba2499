"""The steps by which an encoder is fitted, kept on the way so that an interrupted run goes on where it stood."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from penchant.features.kept_vectors import Progress
from penchant.features.language_model import LanguageModel
from penchant.fitting.loop import Interrupted
from penchant.schema.errors import DataError
from penchant.training.tuning.contrast import Contrast
from penchant.training.tuning.settings import TuningSettings

logger = logging.getLogger(__name__)
KEEP_EVERY = 60.0  # seconds; what a kill may cost
REPORT_EVERY = 5.0  # seconds
LONGEST = 1.0  # gradient of all weights together
READ_AT_ONCE = 32  # texts of like length


@dataclass
class Stand:
    """How far the tuning is: steps done, seconds they took, and each loss at each step."""

    steps: int = 0
    seconds: float = 0.0
    losses: dict[str, list[float]] = field(default_factory=dict)


Report = Callable[[Stand], None]


class Steps:
    """Fits an encoder by a contrast.

    Args:
        encoder: Reads the texts; only its tokens and its way of pooling are used.
        network: Its transformers module, of which what has a gradient moves.
        texts: Of all items `[items]`.
        contrast: What is learnt.
        settings: How long and how fast.
        seed: Of what is drawn and dropped.
        kept: The file where the stand is kept on the way.
    """

    def __init__(
        self, encoder: LanguageModel, network: Any, texts: list[str], contrast: Contrast, settings: TuningSettings, seed: int, kept: Path
    ) -> None:
        self.encoder, self.network, self.contrast = encoder, network, contrast
        self.settings, self.seed, self.kept = settings, seed, kept
        self.pieces = encoder.first_pieces(texts, settings.tokens)
        self.moving = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
        self.optimiser = torch.optim.AdamW(self.moving.values(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        self.stand = Stand()

    def go(self, report: Report | None = None) -> Stand:
        """Fit until the steps or the minutes run out, from where an earlier run was interrupted, if one was.

        Raises:
            Interrupted: on Ctrl-C, after the stand was kept.
            DataError: when the loss stops being finite.
        """
        if self.kept.is_file():
            self._load()
        self.network.train()
        kept = reported = time.monotonic()
        try:
            while self._done() < 1:
                self._step()
                now = time.monotonic()
                if report is not None:
                    report(self.stand)
                if now - reported >= REPORT_EVERY:
                    logger.info("%s", self._progress())
                    reported = now
                if now - kept >= KEEP_EVERY:
                    self._save()
                    kept = now
        except KeyboardInterrupt:
            self._save()
            raise Interrupted from None
        self.network.eval()
        return self.stand

    def _done(self) -> float:
        """The share that is done, of steps or of time, whichever is more."""
        return max(self.stand.steps / self.settings.steps, self.stand.seconds / (60 * self.settings.minutes))

    def _step(self) -> None:
        begin = time.monotonic()
        told, losses = self.settings, self._losses()
        weights = {"next item": told.next_item, "co-preference": told.co_preference}
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        if not torch.isfinite(total):
            do = "Lower the learning_rate of tuning."
            raise DataError("the loss of the encoder", must="finite", came=f"{float(total):g} at step {self.stand.steps}", do=do)
        for group in self.optimiser.param_groups:
            group["lr"] = told.learning_rate * self._rate()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]  # torch does not type it
        nn.utils.clip_grad_norm_(self.moving.values(), LONGEST)
        self.optimiser.step()
        for name, loss in losses.items():
            self.stand.losses.setdefault(name, []).append(float(loss.detach()))
        self.stand.steps += 1
        self.stand.seconds += time.monotonic() - begin

    def _losses(self) -> dict[str, Tensor]:
        random = np.random.default_rng((self.seed, self.stand.steps))
        torch.default_generator.manual_seed(int(random.integers(2**32)))  # so that a resumed run drops the same units
        return self.contrast.losses(random, self._read)

    def _rate(self) -> float:
        """Linear warm-up, then linear down to 0."""
        done = max((self.stand.steps + 1) / (self.settings.steps + 1), self.stand.seconds / (60 * self.settings.minutes))
        rising = done / self.settings.warmup if self.settings.warmup else 1.0
        return min(rising, max((1 - done) / (1 - self.settings.warmup), 0.0))

    def _read(self, rows: NDArray[np.int64]) -> Tensor:
        """Unit vectors `[n, width]` of items' texts; texts of like length are read together."""
        pieces = [self.pieces[row] for row in rows]
        order = np.argsort([len(piece) for piece in pieces], kind="stable")
        parts = [order[start : start + READ_AT_ONCE] for start in range(0, len(order), READ_AT_ONCE)]
        vectors = torch.cat([self.encoder.read_with(self.network, [pieces[place] for place in part]) for part in parts])
        return vectors[torch.from_numpy(np.argsort(order))]

    def _progress(self) -> Progress:
        share = self._done()
        total = round(self.stand.steps / share)
        means = "  ".join(f"{name} {np.mean(values[-20:]):.3f}" for name, values in self.stand.losses.items())
        return Progress(f"steps of the encoder, {means}", self.stand.steps, total, self.stand.seconds, did="done")

    def _save(self) -> None:
        """Keep the stand beside the old one and put it in its place."""
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        tensors = {f"weights/{name}": weight.detach() for name, weight in self.moving.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{number}/{name}": value for name, value in state.items()}
        fresh = self.kept.with_suffix(".new")
        save_file({name: value.contiguous() for name, value in tensors.items()}, fresh, metadata={"stand": json.dumps(asdict(self.stand))})
        fresh.replace(self.kept)

    def _load(self) -> None:
        tensors = load_file(self.kept)
        with torch.no_grad():
            for name, weight in self.moving.items():
                weight.copy_(tensors[f"weights/{name}"])
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimiser/"):
                _, number, key = name.split("/")
                state.setdefault(int(number), {})[key] = value
        self.optimiser.load_state_dict({"state": state, "param_groups": self.optimiser.state_dict()["param_groups"]})
        with safe_open(self.kept, "pt") as opened:
            self.stand = Stand(**json.loads(opened.metadata()["stand"]))
