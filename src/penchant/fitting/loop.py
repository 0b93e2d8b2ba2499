"""One training loop for every network: steps, learning rate, validation, early stopping, checkpoints, interruption."""

import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from penchant.fitting.average import Average
from penchant.fitting.balance.balance import Balance, cosines, gradients
from penchant.fitting.memory import give_back_freed_memory, keep_freed_memory
from penchant.schema.errors import DataError
from penchant.schema.kinds import choose
from penchant.schema.sections.training import TrainingSettings

logger = logging.getLogger(__name__)

LONGEST = 1.0
"""Longest gradient of all weights together that a step follows; a longer one is shortened."""

GLANCE = 64
"""Batches of an epoch from one look at the tasks' gradients to the next; one look costs about as much as a step."""


class Objective(Protocol):
    """What is fitted: a network, its batches, its losses and how it is judged."""

    @property
    def network(self) -> nn.Module:
        """The network whose weights are fitted."""

    def epoch(self, number: int) -> Sequence[Any]:
        """The batches of an epoch, the same for the same seed and number."""

    def losses(self, batch: Any, step: int) -> dict[str, Tensor]:
        """Each task's mean loss on a batch; random choices depend only on the seed and `step`."""

    def weights(self) -> Mapping[str, float]:
        """The weight of each task's loss."""

    def validate(self) -> dict[str, float]:
        """Metrics of the validation part, as `task.metric`."""


@runtime_checkable
class SharedObjective(Protocol):
    """An objective of several tasks that tells more of itself; balances that compare tasks ask for it."""

    def shared(self) -> Sequence[Tensor]:
        """The tensors that every task of the last `losses` was computed from."""

    def notes(self) -> Mapping[str, float]:
        """What else is worth drawing after an epoch: `use.task.expert`, how much each task takes from each expert."""


@runtime_checkable
class RowWise(Protocol):
    """A module that fits its own weights row by row.

    Attributes:
        weight: What no optimiser of the loop touches.
        squares: The state that a checkpoint must carry.
    """

    weight: nn.Parameter
    squares: Tensor

    def begin(self, rate: float) -> None:
        """A step begins, at this learning rate."""

    def finish(self) -> None:
        """The gradients have come."""


@dataclass
class Progress:
    """How training went so far.

    Attributes:
        epoch, batch, step: Where the loop stands: next batch of which epoch, steps done.
        seconds: Time spent training.
        curves: One row per epoch: losses and validation metrics.
        best: The watched metric's best value and the epoch that reached it.
        waited: Validations since then.
        sums: Of each task's loss in the epoch so far.
        glances: Of the cosines between the tasks' gradients, as `conflict.task.task`, and how many there were, as an empty name.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    curves: list[dict[str, float]] = field(default_factory=list)
    best: float | None = None
    best_epoch: int = -1
    waited: int = 0
    finished: str = ""
    sums: dict[str, float] = field(default_factory=dict)
    glances: dict[str, float] = field(default_factory=dict)


class Interrupted(KeyboardInterrupt):
    """Training was stopped by the user; a checkpoint was kept when there is a place for one."""


Report = Callable[[Progress, int, int], None]
"""Called with progress, batches done and batches in this epoch."""

LOWER_IS_BETTER = ("rmse", "mae", "log_loss", "deviance", "loss")


def train(
    objective: Objective,
    settings: TrainingSettings,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    report: Report | None = None,
) -> Progress:
    """Fit until the epochs, the time or the patience run out; leave the best validated weights in the network.

    The same seed gives the same weights, also when the loop was interrupted and resumed from its checkpoint.

    Args:
        objective: What is fitted.
        settings: Epochs, time, learning rate, patience, watched metric, seed.
        checkpoint: Folder for checkpoints (one at each epoch's end and one on interruption); none when absent.
        resume: Go on from the checkpoint there.
        report: Called after every batch.

    Raises:
        Interrupted: on Ctrl-C, after writing a checkpoint.
        DataError: when the loss stops being finite, or `watch` names a metric that validation does not give.
    """
    run = _Run(objective, settings, checkpoint, report)
    if resume:
        run.load()
    keep_freed_memory()
    try:
        run.go()
    except KeyboardInterrupt:
        run.save()
        raise Interrupted from None
    finally:
        give_back_freed_memory()
    objective.network.load_state_dict(run.best_weights)
    return run.progress


class _Run:
    def __init__(self, objective: Objective, settings: TrainingSettings, checkpoint: Path | None, report: Report | None) -> None:
        self.objective, self.settings, self.checkpoint, self.report = objective, settings, checkpoint, report
        self.progress = Progress()
        self.network = objective.network
        self.tables = {name: module for name, module in self.network.named_modules() if isinstance(module, RowWise)}
        by_rows = {id(table.weight) for table in self.tables.values()}
        self.dense = [parameter for parameter in self.network.parameters() if id(parameter) not in by_rows]
        self.optimiser = torch.optim.AdamW(
            self.dense, lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98), fused=True
        )
        self.average = Average(self.dense, settings.average)
        self.balance = _balance(objective, settings)
        self.steps_planned = settings.epochs * max(len(objective.epoch(0)), 1)
        self.best_weights = self._weights()

    def go(self) -> None:
        while not self.progress.finished:
            batches = self.objective.epoch(self.progress.epoch)
            while self.progress.batch < len(batches) and not self._out_of_time():
                self._step(batches[self.progress.batch])
                if self.report:
                    self.report(self.progress, self.progress.batch, len(batches))
            self._validate()

    def _out_of_time(self) -> bool:
        return self.settings.seconds is not None and self.progress.seconds >= self.settings.seconds

    def _step(self, batch: Any) -> None:
        begin = time.monotonic()
        torch.default_generator.manual_seed(_seed(self.settings.seed, self.progress.step))  # so that a resumed run drops the same units
        rate = self.settings.learning_rate * self._rate()
        self._begin(rate)
        losses = self._losses(batch)
        self._check(losses)
        shared = self.objective.shared() if isinstance(self.objective, SharedObjective) else ()
        tasks = {name: loss for name, loss in losses.items() if name in self.balance.weights}
        if shared and len(tasks) > 1 and self.progress.batch % GLANCE == 0:
            self._glance(tasks, shared)
        for cost in losses.keys() - tasks.keys():
            losses[cost].backward(retain_graph=True)  # type: ignore[no-untyped-call]  # torch does not type it
        self.balance.backward(tasks)
        self._finish()
        self.average.follow(self.progress.step)
        self.balance.settle(lambda: self._again(batch))
        for name, loss in losses.items():
            self.progress.sums[name] = self.progress.sums.get(name, 0.0) + float(loss.detach())
        self.progress.batch += 1
        self.progress.step += 1
        self.progress.seconds += time.monotonic() - begin

    def _begin(self, rate: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        for table in self.tables.values():
            table.begin(rate)
        if not self.network.training:  # asked first, because telling every module takes time
            self.network.train()

    def _losses(self, batch: Any) -> dict[str, Tensor]:
        half = self.settings.precision == "bfloat16"
        with torch.autocast("cpu", torch.bfloat16) if half else nullcontext():
            return self.objective.losses(batch, self.progress.step)

    def _again(self, batch: Any) -> dict[str, Tensor]:
        torch.default_generator.manual_seed(_seed(self.settings.seed, self.progress.step))  # the same units are dropped
        with torch.no_grad():
            return self._losses(batch)

    def _finish(self) -> None:
        found = [parameter.grad for parameter in self.dense if parameter.grad is not None]
        length = nn.utils.get_total_norm(found)
        if length > LONGEST:
            nn.utils.clip_grads_with_norm_(self.dense, LONGEST, length)
        self.optimiser.step()
        for table in self.tables.values():
            table.finish()

    def _glance(self, losses: Mapping[str, Tensor], shared: Sequence[Tensor]) -> None:
        """How far the tasks want the same of what they share."""
        found, names, glances = cosines(gradients(losses, shared)).tolist(), list(losses), self.progress.glances
        told = {f"conflict.{one}.{other}": found[i][j] for i, one in enumerate(names) for j, other in enumerate(names) if i < j}
        for name, value in (told | {"": 1.0}).items():
            glances[name] = glances.get(name, 0.0) + value

    def _rate(self) -> float:
        """Linear warm-up, then a cosine down to a tenth."""
        warm = self.settings.warmup * self.steps_planned
        step = self.progress.step + 1
        if step < warm:
            return step / warm
        share = min((step - warm) / max(self.steps_planned - warm, 1), 1.0)
        return 0.1 + 0.45 * (1 + math.cos(math.pi * share))

    def _check(self, losses: Mapping[str, Tensor]) -> None:
        wrong = {name: float(loss.detach()) for name, loss in losses.items() if not torch.isfinite(loss)}
        if wrong:
            raise DataError(
                f"the loss of task {', '.join(wrong)}",
                must="finite",
                came=f"{next(iter(wrong.values())):g} at step {self.progress.step}",
                do="Lower training.learning_rate, or look for extreme labels with: penchant check",
            )

    def _validate(self) -> None:
        begin = time.monotonic()
        progress = self.progress
        row = {f"loss.{name}": value / max(progress.batch, 1) for name, value in progress.sums.items()}
        looks = progress.glances.pop("", 1.0)
        row |= {name: value / looks for name, value in progress.glances.items()}
        row |= self.objective.notes() if isinstance(self.objective, SharedObjective) else {}
        with self.average.in_place():
            metrics, weights = self.objective.validate(), self._weights()
        row |= metrics | {"epoch": progress.epoch + 1.0, "seconds": progress.seconds}
        progress.curves.append(row)
        watched = self._watched(metrics)
        if watched is None or progress.best is None or watched > progress.best:
            progress.best, progress.best_epoch, progress.waited = watched, progress.epoch, 0
            self.best_weights = weights
        else:
            progress.waited += 1
        progress.epoch, progress.batch, progress.sums, progress.glances = progress.epoch + 1, 0, {}, {}
        progress.seconds += time.monotonic() - begin
        progress.finished = self._ending()
        logger.info("epoch %d  %s", progress.epoch, "  ".join(f"{name} {value:.4f}" for name, value in row.items()))
        if self.checkpoint:
            self.save()

    def _ending(self) -> str:
        """Why there is no further epoch; empty when there is one."""
        if self._out_of_time():
            return "time"
        if self.progress.waited >= self.settings.patience:
            return "patience"
        return "epochs" if self.progress.epoch >= self.settings.epochs else ""

    def _watched(self, metrics: Mapping[str, float]) -> float | None:
        """The watched metric, turned so that higher is better; None without validation or where it is undefined (nan)."""
        if not metrics:
            return None
        name = self.settings.watch or next(iter(metrics))
        if name not in metrics:
            raise DataError(
                f"training.watch '{name}'", must="a validation metric", came="an unknown one", do=f"There are: {', '.join(metrics)}."
            )
        if math.isnan(metrics[name]):
            return None
        return -metrics[name] if name.rpartition(".")[2] in LOWER_IS_BETTER else metrics[name]

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        return [self.optimiser] + ([] if self.balance.optimiser is None else [self.balance.optimiser])

    def save(self) -> None:
        """Write the checkpoint beside the old one and put it in its place."""
        if self.checkpoint is None:
            return
        self.checkpoint.mkdir(parents=True, exist_ok=True)
        tensors = {f"network/{name}": value for name, value in self._weights().items()}
        tensors |= {f"best/{name}": value for name, value in self.best_weights.items()}
        tensors |= {f"average/{place}": mean for place, mean in self.average.tensors().items()}
        tensors |= {f"rows/{name}": table.squares for name, table in self.tables.items()}
        tensors |= {f"balance/{name}": value.detach() for name, value in self.balance.state_dict().items()}
        for place, optimiser in enumerate(self._optimisers()):
            for number, state in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser{place}/{number}/{key}": value for key, value in state.items()}
        fresh = self.checkpoint / "checkpoint.new.safetensors"
        save_file(
            {name: value.contiguous() for name, value in tensors.items()}, fresh, metadata={"progress": json.dumps(asdict(self.progress))}
        )
        fresh.replace(self.checkpoint / "checkpoint.safetensors")

    def load(self) -> None:
        """Go on from the checkpoint.

        Raises:
            DataError: when there is none, or it belongs to another network.
        """
        path = self.checkpoint / "checkpoint.safetensors" if self.checkpoint else None
        if path is None or not path.is_file():
            raise DataError(
                "--resume", must="used where a checkpoint lies", came=f"none in '{self.checkpoint}'", do="Train without --resume first."
            )
        tensors = load_file(path)
        try:
            self.network.load_state_dict(_under("network/", tensors))
            self.balance.load_state_dict(_under("balance/", tensors))
        except RuntimeError:
            raise DataError(
                f"checkpoint '{path}'", must="of this recipe and data", came="weights of another shape", do="Train without --resume."
            ) from None
        self.best_weights = _under("best/", tensors)
        self.average.restore(_under("average/", tensors))
        for name, squares in _under("rows/", tensors).items():
            self.tables[name].squares.copy_(squares)
        for place, optimiser in enumerate(self._optimisers()):
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in _under(f"optimiser{place}/", tensors).items():
                number, key = name.split("/")
                state.setdefault(int(number), {})[key] = value
            optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        self.progress = Progress(**json.loads(_metadata(path)["progress"]))
        self.progress.finished = "" if self.progress.batch else self._ending()  # more epochs or time may have been granted since


def _seed(seed: int, step: int) -> int:
    """A torch seed from both numbers. Its CPU generator reads only the lower 32 bits, so all of them must tell."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1)[0])


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, "pt") as opened:
        metadata: dict[str, str] = opened.metadata()
    return metadata


def _balance(objective: Objective, settings: TrainingSettings) -> Balance:
    kind, own = choose(settings.balance, "penchant.fitting.balance", "training.balance")
    balance: Balance = kind(own, objective.weights())
    return balance
