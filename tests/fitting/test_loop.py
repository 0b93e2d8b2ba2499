"""One loop for every network: the same seed, the same weights, whatever interrupts it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from penchant.fitting.loop import Interrupted, Progress, train
from penchant.models.blocks.row_table import RowTable
from penchant.schema.errors import DataError
from penchant.schema.sections.training import TrainingSettings


class Line:
    """A line through noisy points, with dropout, learnt in four batches an epoch; validation says what it is told to."""

    def __init__(self, metrics: Callable[["Line"], dict[str, float]] | None = None, rows: bool = False) -> None:
        torch.manual_seed(7)
        self.network: nn.Sequential = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        if rows:
            self.network.append(RowTable(5, 1, fused=False))
            nn.init.normal_(self.network[-1].weight)
        self.x = torch.randn(32, 3)
        self.y = self.x.sum(1)
        self.metrics = metrics or (lambda line: {"line.rmse": float(line.error())})
        self.validations = 0
        self.broken_at = -1

    def error(self) -> Tensor:
        self.network.eval()
        with torch.no_grad():
            return (self.predict(self.x) - self.y).square().mean().sqrt()

    def predict(self, x: Tensor) -> Tensor:
        for layer in list(self.network.children())[:3]:
            x = layer(x)
        return x[:, 0]

    def epoch(self, number: int) -> Sequence[Any]:
        return list(torch.randperm(32, generator=torch.Generator().manual_seed(number)).split(8))

    def losses(self, batch: Tensor, step: int) -> dict[str, Tensor]:
        loss = (self.predict(self.x[batch]) - self.y[batch]).square().mean()
        extra = [layer(batch % 5).square().mean() for layer in self.network.children() if isinstance(layer, RowTable)]
        return {"line": loss * (float("nan") if step == self.broken_at else 1.0), **({"table": extra[0]} if extra else {})}

    def weights(self) -> dict[str, float]:
        return {"line": 1.0, "table": 1.0}

    def validate(self) -> dict[str, float]:
        self.validations += 1
        return self.metrics(self)


def settings(**changes: Any) -> TrainingSettings:
    return TrainingSettings.model_validate({"epochs": 4, "learning_rate": 0.05, "patience": 99} | changes)


def weights_of(line: Line) -> list[float]:
    return torch.cat([value.flatten() for value in line.network.state_dict().values()]).tolist()


def script(values: list[float]) -> Callable[[Line], dict[str, float]]:
    """Validation that gives these values one after the other."""
    return lambda line: {"line.score": values[line.validations - 1]}


@pytest.mark.parametrize("rows", [False, True])
def test_that_the_same_seed_gives_the_same_weights_and_another_seed_others(rows: bool) -> None:
    one, two, other = (Line(rows=rows) for _ in range(3))
    train(one, settings())
    torch.rand(5)  # what happened to the random numbers outside does not matter
    train(two, settings())
    train(other, settings(seed=1))
    assert weights_of(one) == weights_of(two)
    assert weights_of(one) != weights_of(other)


def test_that_training_learns() -> None:
    line = Line()
    before = line.error()
    progress = train(line, settings(epochs=30))
    assert line.error() < 0.4 * before
    assert progress.finished == "epochs"
    assert (progress.step, progress.epoch, len(progress.curves)) == (120, 30, 30)
    assert progress.curves[-1]["loss.line"] < progress.curves[0]["loss.line"]


@pytest.mark.parametrize("step", [1, 3, 4, 6, 8, 15])
@pytest.mark.parametrize(("rows", "average"), [(False, 0.0), (True, 0.0), (False, 0.9)])
def test_that_an_interrupted_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, step: int, rows: bool, average: float) -> None:
    whole = Line(rows=rows)
    expected = train(whole, settings(average=average))

    def interrupt(progress: Progress, *_: int) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    stopped = Line(rows=rows)
    with pytest.raises(Interrupted):
        train(stopped, settings(average=average), checkpoint=tmp_path, report=interrupt)
    resumed = Line(rows=rows)
    progress = train(resumed, settings(average=average), checkpoint=tmp_path, resume=True)
    assert weights_of(resumed) == weights_of(whole)
    told = [[{name: value for name, value in row.items() if name != "seconds"} for row in run.curves] for run in (progress, expected)]
    assert told[0] == told[1]
    assert (progress.step, progress.best_epoch, progress.finished) == (expected.step, expected.best_epoch, expected.finished)


def test_that_the_mean_of_the_weights_is_validated_and_kept() -> None:
    seen: list[list[float]] = []

    def look(line: Line) -> dict[str, float]:
        seen.append(weights_of(line))
        return {"line.score": float(line.validations)}

    plain, averaged = Line(), Line(look)
    train(plain, settings())
    train(averaged, settings(average=0.9))
    assert weights_of(averaged) == seen[-1]
    assert weights_of(averaged) != weights_of(plain)


def test_that_an_interruption_while_validating_loses_nothing(tmp_path: Path) -> None:
    def interrupt(line: Line) -> dict[str, float]:
        if line.validations == 2:
            raise KeyboardInterrupt
        return {"line.rmse": float(line.error())}

    whole, resumed = Line(), Line()
    train(whole, settings())
    with pytest.raises(Interrupted):
        train(Line(interrupt), settings(), checkpoint=tmp_path)
    train(resumed, settings(), checkpoint=tmp_path, resume=True)
    assert weights_of(resumed) == weights_of(whole)


def test_that_an_interruption_without_a_place_for_checkpoints_is_still_told() -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        train(Line(), settings(), report=interrupt)


def test_that_a_finished_run_resumed_stays_and_goes_on_when_more_is_granted(tmp_path: Path) -> None:
    done = Line()
    train(done, settings(epochs=2), checkpoint=tmp_path)
    same, more = Line(), Line()
    assert train(same, settings(epochs=2), checkpoint=tmp_path, resume=True).epoch == 2
    assert weights_of(same) == weights_of(done)
    assert train(more, settings(epochs=3), checkpoint=tmp_path, resume=True).epoch == 3


def test_that_a_checkpoint_that_is_absent_or_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--resume must be used where a checkpoint lies"):
        train(Line(), settings(), checkpoint=tmp_path, resume=True)
    with pytest.raises(DataError, match="--resume"):
        train(Line(), settings(), resume=True)
    train(Line(), settings(epochs=1), checkpoint=tmp_path)
    with pytest.raises(DataError, match="weights of another shape"):
        train(Line(rows=True), settings(), checkpoint=tmp_path, resume=True)


def after(epochs: int) -> list[float]:
    """The weights when each epoch of a run of four ends, after this many."""
    seen: list[list[float]] = []
    line = Line(lambda line: seen.append(weights_of(line)) or {})
    train(line, settings())
    return seen[epochs - 1]


def test_that_the_best_epochs_weights_come_back() -> None:
    line = Line(script([1.0, 3.0, 2.0, 2.5]))
    progress = train(line, settings())
    assert (progress.best, progress.best_epoch, progress.finished) == (3.0, 1, "epochs")
    assert weights_of(line) == after(2)


def test_that_smaller_errors_are_better() -> None:
    values = [3.0, 1.0, 2.0, 2.5]
    line = Line(lambda line: {"line.rmse": values[line.validations - 1]})
    assert train(line, settings()).best_epoch == 1
    assert weights_of(line) == after(2)


def test_that_patience_counts_validations_without_improvement() -> None:
    progress = train(Line(script([1.0, 2.0, 2.0, 1.0, 9.0])), settings(epochs=5, patience=2))
    assert (progress.finished, progress.epoch, progress.best_epoch) == ("patience", 4, 1)


def test_that_without_validation_the_last_weights_stay() -> None:
    line = Line(lambda line: {})
    assert train(line, settings(patience=1)).finished == "epochs"
    assert weights_of(line) == after(4)


def test_that_a_metric_that_is_never_defined_does_not_stop_training() -> None:
    line = Line(script([float("nan")] * 4))
    assert train(line, settings(patience=1)).epoch == 4
    assert weights_of(line) == after(4)


def test_that_the_watched_metric_may_be_chosen_and_must_exist() -> None:
    line = Line(lambda line: {"a.auc": 1.0 / line.validations, "b.auc": float(line.validations)})
    assert train(line, settings(watch="b.auc")).best_epoch == 3
    with pytest.raises(DataError, match=r"training.watch 'c.auc' must be a validation metric; .* There are: line.rmse"):
        train(Line(), settings(watch="c.auc"))


def test_that_a_loss_that_is_no_number_is_named_with_its_task_and_step() -> None:
    line = Line()
    line.broken_at = 5
    with pytest.raises(DataError, match="the loss of task line must be finite; found nan at step 5"):
        train(line, settings())


def test_that_the_time_budget_stops_within_an_epoch_and_is_still_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr("penchant.fitting.loop.time.monotonic", lambda: float(next(clock)))  # every step takes a second
    line = Line()
    progress = train(line, settings(seconds=2))
    assert (progress.step, progress.finished, line.validations) == (2, "time", 1)


def test_that_the_learning_rate_rises_and_then_falls_to_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = torch.optim.AdamW.step

    def watched(self: torch.optim.AdamW, *arguments: Any) -> Any:
        rates.append(self.param_groups[0]["lr"])
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    train(Line(), settings(epochs=10, learning_rate=1.0, warmup=0.2))  # 40 steps, 8 of them rising
    assert rates[:8] == pytest.approx([n / 8 for n in range(1, 9)])
    assert rates[8:] == sorted(rates[8:], reverse=True)
    assert rates[-1] == pytest.approx(0.1)
    assert rates[23] == pytest.approx(0.55)  # half way down


def test_that_every_batch_is_reported() -> None:
    told: list[tuple[int, int, int]] = []
    train(Line(), settings(epochs=2), report=lambda progress, done, count: told.append((progress.epoch, done, count)))
    assert told == [(epoch, batch, 4) for epoch in (0, 1) for batch in (1, 2, 3, 4)]
