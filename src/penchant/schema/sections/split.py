"""[split]: what is learnt from, and what judges."""

from typing import Literal, Self

from pydantic import Field, model_validator

from penchant.schema.settings import ContradictionError, Settings


class SplitSettings(Settings):
    """How events are divided. `time`: the newest events of all; `last`: the newest of each user; `ratio`: events drawn at random;
    `cold_user`, `cold_item`, `cold_both`: users, items or pairs of both that nothing is learnt from."""

    kind: Literal["time", "last", "ratio", "cold_user", "cold_item", "cold_both"] = "time"
    valid: float = Field(0.1, ge=0, lt=1)
    """Share of the events; with a cold kind, of the users, of the items, or of each."""
    test: float = Field(0.1, ge=0, lt=1)
    seed: int = Field(0, ge=0, lt=2**31)
    """Of the drawing, for the kinds that draw."""
    valid_from: str | None = None
    """With `time`: ISO date or time (or, with `column`, the column's value) where validation begins; replaces the fractions."""
    test_from: str | None = None
    column: str | None = None
    """With `time`: a numeric event column that tells the period (a date as 20220504) in place of the timestamp."""
    folds: int | None = Field(None, ge=2, le=100)
    """Parts of a cross-validation (`penchant evaluate --folds`), each judged by what was learnt without it. `kind`, `valid` and `seed`
    choose the validation part from what is learnt from; dates and `test` do not count."""
    fold_by: Literal["user", "record", "time"] = "user"
    """What a fold is made of: users, drawn; events, drawn; or blocks of time, each judged by what came before it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.valid + self.test >= 1:
            raise ContradictionError("such that valid + test is below 1", f"{self.valid:g} + {self.test:g}", "Leave something to train on.")
        if (self.valid_from is None) != (self.test_from is None):
            present, absent = ("valid_from", "test_from") if self.valid_from else ("test_from", "valid_from")
            raise ContradictionError("with both valid_from and test_from, or with neither", f"only {present}", f"Add {absent}.")
        if self.kind != "time" and self.valid_from:
            do = "Use kind = 'time', or take the dates out."
            raise ContradictionError(f"free of dates when kind is '{self.kind}'", f"valid_from = '{self.valid_from}'", do)
        if self.column and not self.valid_from:
            raise ContradictionError("with valid_from and test_from when it has a column", f"only column = '{self.column}'", "Add both.")
        if self.fold_by != "user" and self.folds is None:
            raise ContradictionError("with folds when it has fold_by", f"only fold_by = '{self.fold_by}'", "For example: folds = 5")
        return self
