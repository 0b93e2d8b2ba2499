"""What values of a setting are worth trying."""

from typing import Self

from pydantic import model_validator

from penchant.schema.settings import ContradictionError, Settings


class Range(Settings):
    """Values from `low` to `high`, whole ones where both are whole, or some `choices`.

    >>> Range(low=1, high=500, log=True).whole, Range(low=0.0, high=1).whole
    (True, False)
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    """Whether a factor matters rather than a difference."""
    choices: tuple[bool | int | float | str, ...] | None = None

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        bounds = [bound for bound in (self.low, self.high) if bound is not None]
        if (self.choices is None) != (len(bounds) == 2) or (self.choices is not None and bounds):
            do = "For example { low = 10, high = 500, log = true } or { choices = [32, 64] }."
            raise ContradictionError("given low and high, or choices", f"choices = {self.choices} with {len(bounds)} bounds", do)
        if self.choices is not None and not self.choices:
            raise ContradictionError("given at least one choice", "none", "For example { choices = [32, 64] }.")
        if bounds and not bounds[0] < bounds[1]:
            raise ContradictionError("such that low is below high", f"low {bounds[0]:g}, high {bounds[1]:g}", "Swap or widen them.")
        if bounds and self.log and bounds[0] <= 0:
            raise ContradictionError("above 0 where log is true", f"low {bounds[0]:g}", "Raise low, or take log out.")
        return self
