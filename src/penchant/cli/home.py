"""Where a recipe's results lie: packed log, bundles, checkpoints, reports, state."""

from dataclasses import dataclass
from pathlib import Path

from penchant.storage.bundles import BundleStore


@dataclass(frozen=True)
class HomeFolder:
    """A folder with a place for each kind of result, and the folder of the recipe that they come from."""

    path: Path
    recipe_folder: Path = Path(".")

    @classmethod
    def of(cls, recipe: Path, home: Path | None) -> "HomeFolder":
        """The folder given, or `penchant` beside the recipe."""
        return cls(home if home is not None else recipe.parent / "penchant", recipe.parent)

    @property
    def checkpoint(self) -> Path:
        """Where an interrupted training goes on from; may not exist yet."""
        return self.path / "checkpoint"

    @property
    def packed(self) -> Path:
        """The packed log; may not exist yet."""
        return self.path / "packed"

    @property
    def trials(self) -> Path:
        """The folder in which tuning keeps its trials; may not exist yet."""
        return self.path / "trials"

    @property
    def state(self) -> Path:
        """The service's events and records; may not exist yet."""
        return self.path / "state"

    def report(self, name: str) -> Path:
        """The path of a report; its folder is made."""
        folder = self.path / "reports"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def bundles(self) -> BundleStore:
        """The store of trained bundles; its folder is made with the first."""
        return BundleStore(self.path / "bundles")
