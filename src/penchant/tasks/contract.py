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
from penchant.schema.recipe import TaskPart
from penchant.tasks.task import RankingTask, build

WIDTH = 8


class RankingTaskContract:
    """The shared suite.

    Attributes:
        part: The recipe's lines for the task.
        labels: Training labels `[n]`, at least two different ones.
        wrong: Labels `[n]` that the task must refuse; None when it takes any number.
    """

    part: TaskPart
    labels: NDArray[np.floating[Any]]
    wrong: NDArray[np.floating[Any]] | None = None

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
        for label in torch.from_numpy(np.unique(self.labels).astype(np.float32)):
            output = self.outputs().requires_grad_()
            loss = task.loss(output, label.expand_as(output))
            assert loss.shape == output.shape
            assert torch.isfinite(loss).all()
            (gradient,) = torch.autograd.grad(loss.sum(), output)
            assert torch.isfinite(gradient).all()

    def test_that_predictions_are_finite_and_rise_with_the_output(self) -> None:
        task, output = self.task(), self.outputs()
        for values in (task.predict(output), task.utility(output)):
            assert values.shape == output.shape
            assert torch.isfinite(values).all()
            assert bool((values.diff() >= 0).all())

    def test_that_it_starts_within_the_labels_range(self) -> None:
        task = self.task()
        start = float(task.predict(task(torch.zeros(1, WIDTH)))[0].detach())
        assert self.labels.min() < start < self.labels.max()

    def test_that_descending_the_loss_finds_the_mean_label(self) -> None:
        """A constant representation can only learn the best constant prediction."""
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
        assert np.isclose(float(task.predict(task(still))[0].detach()), self.labels.mean(), rtol=1e-2, atol=1e-2)

    def test_that_weights_carry_all_that_was_fitted(self) -> None:
        task = self.task()
        again: RankingTask = build("contract", self.part, WIDTH)
        again.load_state_dict(task.state_dict())
        representation = torch.randn(5, WIDTH)
        assert torch.equal(again.predict(again(representation)), task.predict(task(representation)))

    def test_that_metrics_are_finite_numbers_by_name(self) -> None:
        task = self.task()
        prediction = np.full(len(self.labels), self.labels.mean())
        metrics = task.metrics(self.labels, prediction, np.zeros(len(self.labels), dtype=np.int64))
        assert metrics
        assert all(isinstance(name, str) and np.isfinite(value) for name, value in metrics.items())

    def test_that_no_labels_do_not_fail(self) -> None:
        task: RankingTask = build("contract", self.part, WIDTH)
        task.fit(np.zeros(0, dtype=np.float32))
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
