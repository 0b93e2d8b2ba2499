"""One trained folder for all, and copies of it for tests that change it."""

import shutil
from pathlib import Path

import pytest

from tests import small_data
from tests.cli.given import Ran, penchant


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A recipe that was trained, and how that went; not to be changed."""
    recipe = small_data.write_film_files(tmp_path_factory.mktemp("trained") / "films")
    return recipe, penchant("train", recipe)


@pytest.fixture(scope="session")
def trained(training: tuple[Path, Ran]) -> Path:
    """The recipe of a trained folder; not to be changed."""
    assert training[1].code == 0, training[1]
    return training[0]


@pytest.fixture
def own(trained: Path, tmp_path: Path) -> Path:
    """The recipe of a trained folder of the test's own."""
    return Path(shutil.copytree(trained.parent, tmp_path / "films")) / trained.name
