"""Where tests find the real data sets, which are not part of the project."""

import os
from pathlib import Path

import pytest

_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


def real_data(name: str) -> Path:
    """The folder of a real data set; skips the test where it is absent, or fails it with PENCHANT_REQUIRE_ALL=1."""
    folder = _FOLDER / name
    if folder.is_dir():
        return folder
    told = f"real data '{name}' is not in ../shared/data"
    if os.environ.get("PENCHANT_REQUIRE_ALL") == "1":
        pytest.fail(told, pytrace=False)
    pytest.skip(told)
