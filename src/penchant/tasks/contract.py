"""What every ranking task must pass. A new kind inherits it:

class TestMyTask(RankingTaskContract):
    part, labels = TaskPart(kind="my_kind", label="x"), np.array([0.0, 1.0, 1.0])
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.schema.errors import DataError
from penchant.schema.sections.tasks import TaskPart
from penchant.tasks.task import RankingTask, amounts, build

WIDTH = 8


class RankingTaskContract:
    """The shared suite.

    Attributes:
        part: The recipe's lines for the task.
        labels: Training labels `[n]`, at least two different ones; `[n, columns]` for a kind that reads several, amounts first.
        wrong: Labels of that shape that the task must refuse; None when it takes any number.
        best: What descending the loss finds for a representation that never changes; the mean label when absent.
        orders_only: Whether predictions are only an order, so that there is no such thing.
    """

    part: TaskPart
    labels: NDArray[np.floating[Any]]
    wrong: NDArray[np.floating[Any]] | None = None
    best: float | None = None
    orders_only: bool = False

    def task(self) -> RankingTask:
        """A task fitted on `labels`."""
        torch.manual_seed(0)
        task: RankingTask = build("contract", self.part, WIDTH)
        task.fit(self.labels.astype(np.float32))
        return task

    def outputs(self) -> Tensor:
        """Raw outputs from plain to absurd."""
        return torch.tensor([-1e4, -30.0, -1.0, 0.0, 1.0, 30.0, 1e4])

    def test_that_it_is_a_ranking_task_of_its_kind(self) -> None:
        task = self.task()
        assert (task.face, vars(type(task))["kind"], task.name) == ("ranking", self.part.kind, "contract")

    def test_that_every_representation_gives_one_output(self) -> None:
        task = self.task()
        for shape in ((), (5,), (2, 3), (2, 3, 4), (0,)):
            assert task(torch.randn(*shape, WIDTH)).shape == shape

    def test_that_losses_and_gradients_are_finite_at_extremes(self) -> None:
        task = self.task()
        for label in torch.from_numpy(np.unique(self.labels, axis=0).astype(np.float32)):
            output = self.outputs().requires_grad_()
            loss = task.loss(output, label.expand(*output.shape, *label.shape))
            assert loss.shape == output.shape
            assert torch.isfinite(loss).all()
            (gradient,) = torch.autograd.grad(loss.sum(), output)
            assert torch.isfinite(gradient).all()

    def test_that_the_loss_of_a_batch_is_that_of_its_known_targets(self) -> None:
        """What is unknown, whatever stands there, changes nothing; where nothing is known there is nothing to learn from."""
        task, torch_labels = self.task(), torch.from_numpy(self.labels.astype(np.float32))
        label = torch.stack([torch_labels, torch_labels.flip(0)])
        known = torch.ones(label.shape[:2], dtype=torch.bool)
        known[1, 0] = False
        output = torch.linspace(-1, 1, known.numel()).view(known.shape)
        loss = task.mean_loss(output, label, known)
        changed = torch.where(known, output, 7.0)
        other = label.clone()
        other[1, 0] = torch_labels[0]
        assert loss is not None
        assert torch.equal(loss, task.mean_loss(changed, other, known))  # type: ignore[arg-type]  # None would fail
        assert task.mean_loss(output, label, torch.zeros_like(known)) is None

    def test_that_predictions_are_finite_and_rise_with_the_output(self) -> None:
        task, output = self.task(), self.outputs()
        for values in (task.predict(output), task.utility(output)):
            assert values.shape == output.shape
            assert torch.isfinite(values).all()
            assert bool((values.diff() >= 0).all())

    def test_that_it_starts_within_the_labels_range(self) -> None:
        if self.orders_only:
            return
        task = self.task()
        start = float(task.predict(task(torch.zeros(1, WIDTH)))[0].detach())
        assert amounts(self.labels).min() < start < amounts(self.labels).max()

    def test_that_descending_the_loss_finds_the_best_constant(self) -> None:
        """A constant representation can only learn the best constant prediction."""
        if self.orders_only:
            return
        task = self.task()
        label = torch.from_numpy(self.labels.astype(np.float32))
        still = torch.zeros(len(label), WIDTH)
        optimiser = torch.optim.Adam(task.parameters(), lr=0.1)
        with torch.no_grad():
            task.head.bias.add_(1.0)
        for _ in range(120):
            optimiser.zero_grad()
            task.loss(task(still), label).mean().backward()  # type: ignore[no-untyped-call]  # torch does not type it
            optimiser.step()
        best = amounts(self.labels).mean() if self.best is None else self.best
        assert np.isclose(float(task.predict(task(still))[0].detach()), best, rtol=1e-2, atol=1e-2)

    def test_that_weights_carry_all_that_was_fitted(self) -> None:
        task = self.task()
        again: RankingTask = build("contract", self.part, WIDTH)
        again.load_state_dict(task.state_dict())
        representation = torch.randn(5, WIDTH)
        assert torch.equal(again.predict(again(representation)), task.predict(task(representation)))

    def test_that_metrics_are_finite_numbers_by_name(self) -> None:
        task = self.task()
        prediction = np.full(len(self.labels), amounts(self.labels).mean())
        metrics = task.metrics(self.labels, prediction, np.zeros(len(self.labels), dtype=np.int64))
        assert metrics
        assert all(isinstance(name, str) and np.isfinite(value) for name, value in metrics.items())

    def test_that_no_labels_do_not_fail(self) -> None:
        task: RankingTask = build("contract", self.part, WIDTH)
        task.fit(np.zeros((0, *self.labels.shape[1:]), dtype=np.float32))
        assert torch.isfinite(task.predict(task(torch.zeros(1, WIDTH)))).all()

    def test_that_wrong_labels_are_counted_and_located(self) -> None:
        if self.wrong is None:
            return
        task: RankingTask = build("contract", self.part, WIDTH)
        error: DataError | None = None
        try:
            task.fit(self.wrong.astype(np.float32))
        except DataError as caught:
            error = caught
        assert error is not None, "labels that cannot be learnt were accepted"
        assert "'contract'" in error.thing
        assert all((error.must, error.came, error.do))
