"""What every feature kind must pass. A new kind inherits it:

class TestMyFeature(FeatureContract):
    part, values = FeaturePart(kind="my_kind"), pl.Series(["training", "values", None])
"""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from penchant.features.feature import Array, Feature, Form, build, names_of
from penchant.schema.sections.features import FeaturePart

STRANGERS = (
    pl.Series(["never seen", "", " ", "🎬 用户", "a|b", "\x1fa\x1fb", "1e999", "nan", "x" * 10_000, None]),
    pl.Series([float("nan"), float("inf"), -float("inf"), 1e300, -1e300, 0.0, -0.0, 2.5, None]),
    pl.Series([2**62, -(2**62), 0, None]),
    pl.Series([True, False, None]),
    pl.Series([None, None]),
    pl.Series([datetime(2022, 4, 25, tzinfo=UTC), None]),
)
"""Columns no training data prepared for."""


def check_form(form: Form, array: Array, rows: int) -> None:
    """Fails when an array `[rows, ...]` is not what its form promises: shape, type, bounds, finite."""
    shapes = {"index": (rows,), "bag": (rows, *array.shape[1:2]), "vector": (rows, form.size)}
    assert array.shape == shapes[form.shape], f"{array.shape} is not {shapes[form.shape]}"
    assert array.ndim == (1 if form.shape == "index" else 2)
    assert array.dtype == (np.float32 if form.shape == "vector" else np.int64), array.dtype
    if form.shape == "vector":
        assert np.isfinite(array).all()
    else:
        assert array.min(initial=0) >= 0
        assert array.max(initial=0) < form.size


class FeatureContract:
    """The shared suite.

    Attributes:
        part: The recipe's line for the kind.
        values: Training values `[n]`, at least two different ones and a missing one.
        strangers: Columns that must not fail, of types and sizes training never showed.
    """

    part: FeaturePart
    values: pl.Series
    strangers: tuple[pl.Series, ...] = STRANGERS

    def fitted(self) -> Feature:
        """The feature, fitted on `values`."""
        return build(self.part, "contract").fit(self.values)

    def shown(self, feature: Feature) -> Feature:
        """A restored feature ready for use; one that depends on the past is shown it here."""
        return feature

    def test_that_training_values_become_what_the_form_promises(self) -> None:
        feature = self.fitted()
        check_form(feature.form, feature.transform(self.values), len(self.values))

    def test_that_values_never_seen_and_missing_ones_do_not_fail(self) -> None:
        feature = self.fitted()
        for strange in self.strangers:
            check_form(feature.form, feature.transform(strange), len(strange))

    def test_that_no_rows_give_no_rows(self) -> None:
        feature = self.fitted()
        check_form(feature.form, feature.transform(self.values.clear()), 0)

    def test_that_a_column_and_its_single_rows_give_the_same(self) -> None:
        """Offline is a column, online is one row."""
        feature = self.fitted()
        for values in (self.values, *self.strangers):
            column = feature.transform(values)
            for row in range(len(values)):
                one = feature.transform(values[row : row + 1])[0]
                assert np.allclose(column[row], one, rtol=1e-5, atol=1e-5), f"row {row} of {values.head(12).to_list()}"

    def test_that_a_value_alone_reads_as_it_does_in_its_column(self) -> None:
        """A request's value comes without its column: the type is what Python makes of it."""
        feature = self.fitted()
        column = feature.transform(self.values)
        if isinstance(self.values.dtype, pl.Struct):
            return
        for row, value in enumerate(self.values.to_list()):
            assert np.allclose(column[row], feature.transform(pl.Series([value]))[0], rtol=1e-5, atol=1e-5), repr(value)

    def test_that_what_was_learnt_survives_json(self) -> None:
        feature = self.fitted()
        facts, arrays = feature.state()
        again = self.shown(build(self.part, "contract").restore(json.loads(json.dumps(facts, allow_nan=False)), arrays))
        assert again.form == feature.form
        for values in (self.values, *self.strangers):
            assert np.array_equal(again.transform(values), feature.transform(values))

    def test_that_transforming_teaches_nothing(self) -> None:
        feature = self.fitted()
        before = _told(feature)
        for strange in self.strangers:
            feature.transform(strange)
        assert _told(feature) == before

    def test_that_each_number_or_index_has_a_name(self) -> None:
        feature = self.fitted()
        names = names_of(feature)
        assert len(names) == feature.form.size
        assert all(isinstance(name, str) for name in names)

    def test_that_what_is_turned_back_becomes_the_same_again(self) -> None:
        """Of kinds with an `inverse`, and of the training values that are told apart (a bucket is not)."""
        feature = self.fitted()
        turn_back = getattr(feature, "inverse", None)
        if turn_back is None:
            return
        encoded = feature.transform(self.values)
        found = turn_back(encoded)
        assert len(found) == len(self.values)
        if found.drop_nulls().len():
            assert np.allclose(feature.transform(found), encoded, rtol=1e-4, atol=1e-4)

    def test_that_a_row_never_depends_on_the_rows_after_it(self) -> None:
        """Rows in the order of time: later ones taken away, or others in their place."""
        feature = self.fitted()
        whole = feature.transform(self.values)
        for cut in range(len(self.values)):
            earlier = self.values.head(cut)
            assert np.allclose(feature.transform(earlier), whole[:cut], rtol=1e-5, atol=1e-5)
            others = pl.concat([earlier, self.values.reverse()])
            assert np.allclose(feature.transform(others)[:cut], whole[:cut], rtol=1e-5, atol=1e-5)

    def test_that_fitting_anew_forgets_what_was_learnt_before(self) -> None:
        feature = build(self.part, "contract").fit(self.values.head(1)).fit(self.values)
        assert _told(feature) == _told(self.fitted())

    def test_that_training_values_without_counts_are_of_one_event_each(self) -> None:
        counted = build(self.part, "contract").fit(self.values, np.ones(len(self.values), dtype=np.int64))
        assert _told(counted) == _told(self.fitted())

    def test_that_training_values_may_all_be_missing_or_none(self) -> None:
        for values in (pl.Series([None, None], dtype=self.values.dtype), self.values.clear()):
            feature = build(self.part, "contract").fit(values, np.full(len(values), 3))
            check_form(feature.form, feature.transform(self.values), len(self.values))

    def test_that_the_order_of_rows_changes_no_row(self) -> None:
        feature = self.fitted()
        turned = feature.transform(self.values.reverse())
        assert np.allclose(turned[::-1], feature.transform(self.values), rtol=1e-5, atol=1e-5)


def _told(feature: Feature) -> tuple[str, dict[str, Any]]:
    facts, arrays = feature.state()
    return json.dumps(facts, sort_keys=True), {name: array.tolist() for name, array in arrays.items()}
