"""Pictures read by a pretrained network: posters, covers, product photographs."""

import logging
from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Self
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError

import numpy as np
import polars as pl
from pydantic import Field, field_validator

from penchant.features.efficientnet import WIDTH, EfficientNet, UnreadableImageError, decoded, models_folder
from penchant.features.feature import Array, Form, as_text
from penchant.features.kept_vectors import vectors_of
from penchant.features.whitening import HowWhite, Whitening
from penchant.schema.errors import DataError
from penchant.schema.settings import ContradictionError, Settings

logger = logging.getLogger(__name__)
AT_ONCE = 64  # images held in memory
LARGEST = 64 * 2**20  # bytes of an image file; a small zip file may hold a file of any size


class ImageSettings(Settings):
    """Where the pictures are."""

    path: Path
    """A folder, or a zip file."""
    pattern: str = Field("{}.jpg")
    """The file's name there; {} stands for the column's value. "{}" when the column holds file names."""
    cache: Path | None = None
    """Folder for vectors by content and converted weights; the user's cache folder when absent."""
    whitening: HowWhite = "scale"
    """`none`: vectors as the network gives them; `scale`: centred, with one factor; `full`: centred, with unit covariance."""
    cache_gigabytes: float = Field(20.0, gt=0)
    """The most that the vectors kept there may take; beyond it the oldest go, and are computed anew when their images come back."""
    directory: Path = Path(".")
    """Where a relative path starts."""

    @field_validator("pattern")
    @classmethod
    def _has_a_place(cls, pattern: str) -> str:
        if pattern.count("{}") != 1:
            raise ContradictionError("a file name with {} where the value goes", f"'{pattern}'", "For example '{}.jpg'.")
        return pattern

    def within(self, directory: Path) -> "ImageSettings":
        """The same with relative paths starting at `directory`."""
        cache = None if self.cache is None else directory / self.cache.expanduser()
        return self.model_copy(update={"directory": directory / self.directory, "cache": cache})


class Image:
    """`[n, 1281]`: the frozen network's vector, whitened as its settings say, and 1 where there is no image.

    A value without a file, and a file that cannot be read, is a missing image: all 0 with the mask 1; fitting counts both, and says so.
    A vector is computed once per content. After training, images are looked for in the same place; there may be none.
    """

    kind: ClassVar[str] = "image"
    runs_network: ClassVar[bool] = True
    settings_class: ClassVar[type[Settings]] = ImageSettings

    def __init__(self, settings: ImageSettings) -> None:
        self.settings = settings
        self.encoder = EfficientNet(models_folder(settings.cache))
        self.whitening = Whitening(settings.whitening).fit(np.zeros((0, WIDTH), dtype=np.float32))
        self.notes: list[str] = []

    @property
    def form(self) -> Form:
        """A vector of 1,280 numbers and a mask."""
        return Form("vector", WIDTH + 1, states=1)

    @cached_property
    def _place(self) -> "_Folder | _Zip":
        path = self.settings.directory / self.settings.path.expanduser()
        try:
            return _Folder(path) if path.is_dir() else _Zip(path)
        except (OSError, BadZipFile) as error:
            came = "a file that is no zip file" if path.is_file() else "nothing there" if not path.exists() else str(error)
            do = f"Correct `path` of the feature; it is relative to '{self.settings.directory}'."
            raise DataError(f"images '{self.settings.path}'", must="a folder or a zip file", came=came, do=do) from None

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Learn the mean vector and the spread of the images that `[n]` values name; every item counts once, however many `events` it has.

        Missing and broken images are counted in `notes` and logged.

        Raises:
            DataError: when there is no such folder or zip file.
            RecipeError: when the encoder's packages are not there.
        """
        self.encoder.make_ready()
        vectors, _ = self._vectors(values, self._place)
        for note in self.notes:
            logger.warning("%s", note)
        self.whitening.fit(vectors)
        return self

    def transform(self, values: pl.Series) -> Array:
        """Vectors `[n, 1281]`, float32; where the folder itself is gone every image is missing, and a warning is logged."""
        try:
            vectors, present = self._vectors(values, self._place)
        except DataError as error:
            logger.warning("%s", error)
            vectors, present = np.zeros((0, WIDTH), dtype=np.float32), np.zeros(len(values), dtype=bool)
        result = np.zeros((len(values), WIDTH + 1), dtype=np.float32)
        result[:, -1] = ~present
        result[present, :-1] = self.whitening.apply(vectors)
        return result

    def _vectors(self, values: pl.Series, place: "_Folder | _Zip") -> tuple[Array, Array]:
        """Vectors `[p, 1280]` of the images there are, and which rows `[n]` they belong to. Fills `notes`."""
        names = [None if text is None else self.settings.pattern.replace("{}", text) for text in as_text(values).to_list()]
        rows = [row for row, name in enumerate(names) if name is not None and place.has(name)]
        hashes = {name: sha256(place.read(name)).digest() for name in {names[row] for row in rows} if name is not None}

        def compute(places: list[int]) -> Iterator[tuple[list[int], Array]]:
            for start in range(0, len(places), AT_ONCE):
                some = places[start : start + AT_ONCE]
                yield some, np.stack([self._read(place.read(str(names[rows[each]]))) for each in some])

        keys = [sha256(self.encoder.fingerprint.encode() + hashes[str(names[row])]).digest() for row in rows]
        cache = models_folder(self.settings.cache).parent
        vectors = vectors_of(keys, WIDTH, cache, compute, what="images", gigabytes=self.settings.cache_gigabytes)
        sound = ~np.isnan(vectors[:, 0])
        broken = [str(names[row]) for row, fine in zip(rows, sound, strict=True) if not fine]
        absent = [name for row, name in enumerate(names) if name is not None and row not in set(rows)]
        self.notes = [*_note(absent, len(names), "no file"), *_note(broken, len(names), "a file that cannot be read")]
        present = np.zeros(len(names), dtype=bool)
        present[np.array(rows, dtype=np.int64)[sound]] = True
        return vectors[sound], present

    def _read(self, content: bytes) -> Array:
        """An image's vector `[1280]`; NaN when it cannot be read, which is kept like any other."""
        try:
            vector: Array = self.encoder.read([decoded(content)])[0]
            return vector
        except UnreadableImageError:
            return np.full(WIDTH, np.nan, dtype=np.float32)

    def names(self) -> list[str]:
        """One word per number of the vector; all but the last mean something together only."""
        return [*(f"look {place}" for place in range(1, WIDTH + 1)), "no image"]

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What whitening learnt: `scale`, and the array `mean` `[1280]`."""
        return self.whitening.state()

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take a `state`; the encoder is read when the first image comes."""
        self.whitening.restore(facts, arrays)
        return self


class _Folder:
    """Files of a folder; a name that leads out of it names nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()

    def has(self, name: str) -> bool:
        try:
            file = (self._path / name).resolve()
            return file.is_relative_to(self._path) and file.is_file()
        except (OSError, ValueError, RuntimeError):  # too long, with a zero byte, or a link to itself
            return False

    def read(self, name: str) -> bytes:
        try:
            with (self._path / name).open("rb") as file:
                return _bounded(file.read(LARGEST + 1))
        except OSError:  # gone meanwhile, or not to be read
            return b""


class _Zip:
    """Files of a zip file, which stays open."""

    def __init__(self, path: Path) -> None:
        self._file = ZipFile(path)
        self._names = set(self._file.namelist())

    def has(self, name: str) -> bool:
        return name in self._names

    def read(self, name: str) -> bytes:
        try:
            with self._file.open(name) as file:
                return _bounded(file.read(LARGEST + 1))
        except (BadZipFile, ZlibError, NotImplementedError, RuntimeError, OSError, EOFError):
            return b""  # broken, packed in an unknown way, or under a password


def _bounded(content: bytes) -> bytes:
    """The file, or nothing where it is too large."""
    return content if len(content) <= LARGEST else b""


def _note(names: list[str], rows: int, what: str) -> list[str]:
    return [f"{len(names):,} of {rows:,} images have {what}, first '{names[0]}'"] if names else []
