"""Times become seconds since 1970, whatever they were."""

from datetime import date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.sources.times import as_seconds
from penchant.schema.errors import DataError

# 25 April 2022, 00:00 UTC: 19,107 days after 1 January 1970.
MIDNIGHT = 19_107 * 86_400.0


def seconds(values: list[object], **options: object) -> list[float | None]:
    return as_seconds(pl.Series("t", values), options.get("unit"), "file 'a'")[0].to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-04-25", 0), ("2022/04/25", 0), ("2022-04-25T01:00", 3600), ("2022-04-25 00:00:01.5", 1.5), ("2022-04-25T00:00:00Z", 0),
        ("2022-04-25T02:00:00+02:00", 0), ("2022-04-24T19:00:00-05", 0), ("2022-04-25T00:00:00.250Z", 0.25), ("2022-04-25T01:00Z", 3600),
    ],
)  # fmt: skip
def test_that_iso_text_is_read_with_and_without_a_zone(text: str, expected: float) -> None:
    assert seconds([text]) == [MIDNIGHT + expected]


def test_that_forms_may_be_mixed_in_one_column() -> None:
    assert seconds(["2022-04-25", None, "2022-04-25T02:00:00+02:00", " 2022-04-25 00:00:01 "]) == [MIDNIGHT, None, MIDNIGHT, MIDNIGHT + 1]


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_that_the_unit_of_numbers_is_told_by_their_size(unit: str, factor: int) -> None:
    assert seconds([int(MIDNIGHT) * factor]) == [MIDNIGHT]
    assert seconds([str(int(MIDNIGHT) * factor)]) == [MIDNIGHT]


@pytest.mark.parametrize("least", [1e11, 1e14, 1e17])
def test_that_the_smallest_number_of_a_unit_is_of_that_unit(least: float) -> None:
    assert seconds([least]) == [1e8]


def test_that_numbers_below_every_unit_are_seconds() -> None:
    assert seconds([99_999_999_999]) == [99_999_999_999.0]


def test_that_a_single_absurd_time_does_not_change_the_unit_of_the_others() -> None:
    assert seconds([MIDNIGHT, MIDNIGHT, 9e17])[:2] == [MIDNIGHT, MIDNIGHT]


def test_that_a_named_unit_is_believed() -> None:
    assert seconds([5000], unit="ms") == [5.0]


def test_that_orders_stay_as_they_are() -> None:
    assert seconds([0, 1, None, 2]) == [0.0, 1.0, None, 2.0]


def test_that_whole_numbers_of_days_are_days() -> None:
    assert seconds([20220425, 20220426]) == [MIDNIGHT, MIDNIGHT + 86_400]
    assert seconds(["20220425"]) == [MIDNIGHT]


def test_that_dates_and_date_times_are_read() -> None:
    assert seconds([date(2022, 4, 25)]) == [MIDNIGHT]
    assert seconds([datetime(2022, 4, 25, 0, 0, 1)]) == [MIDNIGHT + 1]
    assert seconds([datetime(2022, 4, 25, 2, tzinfo=timezone(timedelta(hours=2)))]) == [MIDNIGHT]


def test_that_text_that_is_no_time_becomes_missing_and_is_counted() -> None:
    column, note = as_seconds(pl.Series("t", ["2022-04-25", "yesterday", None, "soon"]), None, "file 'a'")
    assert column.to_list() == [MIDNIGHT, None, None, None]
    assert note == "2 times could not be read and count as missing, first row 2 ('yesterday')"


def test_that_nan_becomes_missing() -> None:
    assert seconds([MIDNIGHT, float("nan")]) == [MIDNIGHT, None]


def test_that_a_column_without_any_time_is_refused() -> None:
    with pytest.raises(DataError, match="text such as 'morning'"):
        seconds(["morning", "evening"])
    with pytest.raises(DataError, match="List"):
        seconds([[1]])


# Berlin is an hour ahead of UTC in winter and two in summer. Clocks went forward on 31 March 2024 at 02:00 (01:00 UTC) and back on
# 27 October 2024 at 03:00 (01:00 UTC).
FORWARD, BACK = 1_711_846_800.0, 1_729_990_800.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-04-25T02:00:00", MIDNIGHT), ("2022-04-25", MIDNIGHT - 7200), ("2022-04-25T00:00:00Z", MIDNIGHT),
        ("2022-04-25T00:00:00-01:00", MIDNIGHT + 3600), ("2024-03-31 01:59:59", FORWARD - 1), ("2024-03-31 03:00:00", FORWARD),
        ("2024-03-31 02:30:00", FORWARD + 1800), ("2024-10-27 02:30:00", BACK - 1800), ("2024-10-27 03:00:00", BACK + 3600),
    ],
)  # fmt: skip
def test_that_times_without_a_zone_are_local_where_one_is_named(text: str, expected: float) -> None:
    assert as_seconds(pl.Series("t", [text]), None, "a", "Europe/Berlin")[0].to_list() == [expected]


def test_that_local_dates_and_date_times_of_other_formats_are_local_too() -> None:
    moment = datetime(2022, 4, 25, 2)
    for values in ([moment], [moment, None], [moment.replace(tzinfo=timezone(timedelta(hours=2)))]):
        assert as_seconds(pl.Series("t", values), None, "a", "Europe/Berlin")[0][0] == MIDNIGHT
    assert as_seconds(pl.Series("t", [date(2022, 4, 25)]), None, "a", "Europe/Berlin")[0][0] == MIDNIGHT - 7200
    assert as_seconds(pl.Series("t", [20220425]), None, "a", "Europe/Berlin")[0][0] == MIDNIGHT - 7200


def test_that_numbers_know_no_zone() -> None:
    assert as_seconds(pl.Series("t", [MIDNIGHT]), None, "a", "Europe/Berlin")[0][0] == MIDNIGHT


@pytest.mark.parametrize(
    "text", ["2022-04-25 00:00:00 +0000 UTC", "2022-04-25 02:00:00 +0200 CEST", "2022-04-25 00:00:00 UTC", "2022-04-25T00:00:00 GMT"]
)
def test_that_zones_in_words_are_read(text: str) -> None:
    assert seconds([text]) == [MIDNIGHT]


def test_that_numbers_and_texts_may_be_mixed() -> None:
    assert seconds(["2022-04-25", str(int(MIDNIGHT) * 1000), None, "soon"]) == [MIDNIGHT, MIDNIGHT, None, None]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)), st.sampled_from(["", "Z", "+05:30", "-08:00"]))))
def test_that_each_row_is_read_as_if_it_were_alone(moments: list[tuple[datetime, str]]) -> None:
    texts = [f"{moment.isoformat(sep='T' if zone else ' ')}{zone}" for moment, zone in moments]
    expected = [
        datetime.fromisoformat(text if zone else f"{text}+00:00").timestamp() for text, (_, zone) in zip(texts, moments, strict=True)
    ]
    assert as_seconds(pl.Series("t", texts, dtype=pl.String), None, "a")[0].to_list() == pytest.approx(expected, abs=2e-6)
