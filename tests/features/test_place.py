"""Places on the Earth."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.features.contract import FeatureContract
from penchant.features.place import Place, PlaceSettings, cells, haversine
from penchant.schema.errors import RecipeError
from penchant.schema.sections.features import FeaturePart

PARIS, LONDON = (48.8566, 2.3522), (51.5074, -0.1278)
latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)


def places(*rows: tuple[float | None, ...]) -> pl.Series:
    columns = {f"place{number}": column for number, column in enumerate(zip(*rows, strict=True))}
    return pl.DataFrame(columns).select(pl.struct(pl.all())).to_series()


class TestPlaceAsCells(FeatureContract):
    part, values = FeaturePart(kind="place", columns=("lat", "lon")), places(PARIS, LONDON, (None, 3.0), (91.0, 0.0), (-90.0, 180.0))


class TestPlaceAsDistance(FeatureContract):
    part = FeaturePart.model_validate({"kind": "place", "columns": ["a", "b"], "tells": "distance", "to": [48.8566, 2.3522]})
    values = places(PARIS, LONDON, (None, 3.0))


class TestTwoPlaces(FeatureContract):
    part = FeaturePart.model_validate({"kind": "place", "columns": ["a", "b", "c", "d"], "tells": "distance"})
    values = places((*PARIS, *LONDON), (*PARIS, *PARIS), (None, 1.0, *PARIS), (*PARIS, 1.0, None))


def apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(haversine(*(np.array([degrees]) for degrees in (*one, *other)))[0])


def test_that_distances_are_those_of_the_globe() -> None:
    assert apart((0, 0), (0, 180)) == pytest.approx(math.pi * 6371.0088)
    assert apart((90, 10), (0, -70)) == pytest.approx(math.pi / 2 * 6371.0088)
    assert apart(PARIS, LONDON) == pytest.approx(343.6, abs=0.5)  # as maps say
    assert apart((10, 179.9), (10, -179.9)) == pytest.approx(0.2 * 111.195 * math.cos(math.radians(10)), rel=1e-3)


@given(latitudes, longitudes, latitudes, longitudes)
def test_that_there_and_back_are_alike_and_a_place_is_nowhere_but_here(a: float, b: float, c: float, d: float) -> None:
    assert apart((a, b), (c, d)) == pytest.approx(apart((c, d), (a, b)), abs=1e-6)
    assert apart((a, b), (a, b)) == pytest.approx(0, abs=1e-3)


@given(latitudes, longitudes, latitudes, longitudes, st.sampled_from([1000.0, 100.0, 10.0]))
def test_that_places_of_one_cell_are_near(a: float, b: float, c: float, d: float, side: float) -> None:
    """And those in different cells by far have different names: a cell is at most a little wider than its side, and as high."""
    one, other, beside = cells(np.array([a, c, a]), np.array([b, d, b + (side / 200_000 if b < 179 else 0)]), side)
    if one == other:
        assert apart((a, b), (c, d)) < 2 * side
    assert one.split("/")[:2] == beside.split("/")[:2]


def test_that_cells_are_about_as_large_everywhere() -> None:
    for latitude in (0.0, 45.0, 60.0, 80.0):
        around = cells(np.full(36_000, latitude), np.linspace(-180, 179.99, 36_000), 100.0).n_unique()
        assert around == pytest.approx(40_030 * math.cos(math.radians(latitude)) / 100, rel=0.06)


def test_that_180_degrees_east_and_west_are_one_meridian_and_the_pole_is_in_a_cell() -> None:
    east, west, pole = cells(np.array([5.0, 5.0, 90.0]), np.array([180.0, -180.0, 0.0]), 100.0)
    assert east == west
    assert pole is not None


def test_that_a_place_is_its_cells_coarse_to_fine_and_a_strange_one_unknown_where_it_is_strange() -> None:
    place = Place(PlaceSettings(kilometres=(1000.0, 10.0))).fit(places(PARIS, PARIS, LONDON))
    paris, near_paris, sydney, nowhere = place.transform(places(PARIS, (48.0, 2.0), (-33.9, 151.2), (None, 151.2))).tolist()
    assert near_paris == [paris[0], 1]
    assert sydney == [1, 1]
    assert nowhere == [0, 0]
    assert place.names()[paris[1]].startswith("10 km cell")


def test_that_cells_of_few_events_are_unknown() -> None:
    place = Place(PlaceSettings(kilometres=(10.0,), minimum_count=3)).fit(places(PARIS, LONDON), np.array([3, 2]))
    assert place.transform(places(PARIS, LONDON)).tolist() == [[2], [1]]


def test_that_a_reference_beyond_the_pole_is_refused() -> None:
    part = FeaturePart.model_validate({"kind": "place", "tells": "distance", "to": [151.2, -33.9]})
    with pytest.raises(RecipeError, match="Latitude is first"):
        part.read(PlaceSettings, "features, context.place")
