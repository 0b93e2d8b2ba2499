"""What models reached, query by query, kept in a folder, so that differences are to all that ran before."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CACHE = Path(__file__).resolve().parents[1] / "cache"

Found = dict[str, NDArray[np.float64]]
"""Values of every query by what was asked."""


@dataclass(frozen=True)
class Kept:
    """Values by model, its mark and its seed.

    Attributes:
        folder: Where they lie; made when something is kept.
        split: Of which study they are.
    """

    folder: Path
    split: str

    def keep(self, model: str, mark: str, seed: int, found: Found) -> None:
        """Keep what a model reached."""
        self.folder.mkdir(parents=True, exist_ok=True)
        np.savez(self._file(model, mark, seed), **found)

    def read(self, model: str, mark: str, seed: int) -> Found | None:
        """What a model reached; None where it has not run as it is set now."""
        file = self._file(model, mark, seed)
        if not file.is_file():
            return None
        with np.load(file) as kept:
            return dict(kept)

    def _file(self, model: str, mark: str, seed: int) -> Path:
        return self.folder / f"{self.split}-{model}-{mark}-{seed}.npz"
