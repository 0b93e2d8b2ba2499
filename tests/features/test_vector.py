"""Vectors somebody else computed."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.features.contract import FeatureContract
from penchant.features.vector import Vector, VectorSettings
from penchant.schema.errors import DataError, RecipeError
from penchant.schema.sections.features import FeaturePart


class TestVectorOfLists(FeatureContract):
    part, values = FeaturePart(kind="vector"), pl.Series([[1.0, 2.0], [3.0, -2.0], None, [1.0], [1.0, None]])


class TestVectorOfColumns(FeatureContract):
    part = FeaturePart(kind="vector", columns=("a", "b", "c"))
    values = pl.DataFrame({"a": [1, 2, None], "b": [0.5, 0.0, 1.0], "c": ["1", "2", "3"]}).select(pl.struct(pl.all())).to_series()


class TestVectorOfPackedLists(FeatureContract):
    part, values = FeaturePart(kind="vector"), pl.Series(["\x1f1.0\x1f2.0", "\x1f0.5\x1f4", None])


def test_that_vectors_are_centred_and_scaled_by_one_factor() -> None:
    vector = Vector(VectorSettings()).fit(pl.Series([[1.0, 10.0], [3.0, 10.0]]))  # mean 2, 10; spread of ±1, 0
    np.testing.assert_allclose(
        vector.transform(pl.Series([[1.0, 10.0], [2.0, 11.0], None])), [[-(2**0.5), 0], [0, 2**0.5], [0, 0]], rtol=1e-6
    )


def written(directory: Path, kind: str) -> Path:
    ids, vectors = ["x", "y"], np.array([[0.0, 2.0], [4.0, 2.0]])
    if kind == "npy":
        np.save(directory / "vectors.npy", vectors)
        (directory / "vectors.txt").write_text("x\ny\n", encoding="utf8")
    elif kind == "list":
        pl.DataFrame({"id": ids, "vector": vectors.tolist()}).write_parquet(directory / "vectors.parquet")
    else:
        pl.DataFrame({"id": ids, "a": vectors[:, 0], "b": vectors[:, 1]}).write_parquet(directory / "vectors.parquet")
    return directory / ("vectors.npy" if kind == "npy" else "vectors.parquet")


@pytest.mark.parametrize("kind", ["npy", "list", "columns"])
def test_that_a_file_holds_the_vectors_of_ids_and_is_needed_no_more_once_fitted(tmp_path: Path, kind: str) -> None:
    file = written(tmp_path, kind)
    vector = Vector(VectorSettings(file=file)).fit(pl.Series(["x", "y", "z"]))
    again = Vector(VectorSettings(file=file)).restore(*vector.state())
    file.unlink()
    for one in (vector, again):
        np.testing.assert_allclose(
            one.transform(pl.Series(["y", "x", "z", None])), [[2**0.5, 0], [-(2**0.5), 0], [0, 0], [0, 0]], rtol=1e-6
        )


def test_that_a_missing_or_strange_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no file there"):
        Vector(VectorSettings(file=tmp_path / "none.parquet")).fit(pl.Series(["x"]))
    with pytest.raises(RecipeError, match=r"ends in '\.csv'"):
        Vector(VectorSettings(file=tmp_path / "vectors.csv")).fit(pl.Series(["x"]))
    file = written(tmp_path, "npy")
    file.with_suffix(".txt").write_text("x\nx\n", encoding="utf8")
    with pytest.raises(DataError, match="2 ids, 1 different"):
        Vector(VectorSettings(file=file)).fit(pl.Series(["x"]))
