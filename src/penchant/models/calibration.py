"""What turns a binary task's logits into chances that come true.

Platt 1999: the logit times a slope plus an offset, by task and scenario (`penchant.training.calibration` fits them).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from penchant.models.by_scenario import ByScenario, Placement


@dataclass(frozen=True)
class Calibration:
    """Slope and offset of every task that is calibrated; others, and all of none, stay as they are."""

    lines: Mapping[str, ByScenario] = field(default_factory=dict)

    def of(self, outputs: Mapping[str, Tensor], where: Placement) -> dict[str, Tensor]:
        """Calibrated outputs `{task: [batch, targets, k]}` of targets asked `[batch, targets]`."""
        return {name: self._line(name, output, where) for name, output in outputs.items()}

    def sentences(self) -> list[str]:
        """What is done to each task's logits, in words."""
        lines = {name: (*line.everywhere, len(line.own)) for name, line in self.lines.items()}
        return [f"{name}: logit times {slope:.2f}, {offset:+.2f}; {own} scenarios" for name, (slope, offset, own) in lines.items()]

    def _line(self, name: str, output: Tensor, where: Placement) -> Tensor:
        if name not in self.lines:
            return output
        slope, offset = (each.unsqueeze(-1) if isinstance(each, Tensor) else each for each in where.of(self.lines[name]))
        return output * slope + offset
