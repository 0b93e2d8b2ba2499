"""A recipe's data for a command: read from its sources, or opened where they were packed."""

from pathlib import Path

from penchant.cli.home import HomeFolder
from penchant.data.dataset import Dataset
from penchant.schema.recipe import Recipe


def packed_folder(place: HomeFolder, packed: bool, packed_in: Path | None) -> Path | None:
    """The packed log that `--packed` and `--packed-in` ask for; None when the sources are to be read."""
    return packed_in if packed_in is not None else place.packed if packed else None


def read_data(recipe: Recipe, folder: Path | None) -> Dataset:
    """The recipe's events, checked and cleaned, or those packed in a folder, memory-mapped.

    Raises:
        DataError: as `Dataset.read` and `Dataset.open`.
    """
    return Dataset.read(recipe) if folder is None else Dataset.open(recipe, folder)
