"""Latitudes and longitudes that belong together."""

import polars as pl
import pytest

from penchant.data.guess.places import places_in

DEGREES = [-33.9, 51.5, None]


@pytest.mark.parametrize(
    ("latitude", "longitude", "name"),
    [
        ("latitude", "longitude", "place"),
        ("lat", "lng", "place"),
        ("home_lat", "home_lon", "home_place"),
        ("workLat", "workLon", "work_place"),
        ("LAT", "LON", "place"),
        ("lat", "home_lon", None),
        ("flat", "flon", None),
        ("lat", "height", None),
    ],
)
def test_that_a_pair_is_found_by_its_names(latitude: str, longitude: str, name: str | None) -> None:
    found = places_in(pl.DataFrame({latitude: DEGREES, longitude: DEGREES}))
    wanted = {} if name is None else {name: {"kind": "place", "columns": [latitude, longitude]}}
    assert {name: keys for name, (keys, _) in found.items()} == wanted


@pytest.mark.parametrize("values", [[91.0, 3.0], ["a", "b"], [5.0, 5.0], [None, None]])
def test_that_what_is_no_degree_is_no_place(values: list[object]) -> None:
    assert places_in(pl.DataFrame({"lat": values, "lon": [1.0, 2.0]})) == {}


def test_that_longitudes_go_further_than_latitudes() -> None:
    assert places_in(pl.DataFrame({"lat": [1.0, 2.0], "lon": [179.0, -179.0]}))
    assert not places_in(pl.DataFrame({"lat": [1.0, 2.0], "lon": [181.0, -179.0]}))
