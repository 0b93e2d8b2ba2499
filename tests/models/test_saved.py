"""A network written into a bundle and read back: the same answers bit for bit, without a language model and without pickle."""

import hashlib
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray

from penchant.features.efficientnet import WIDTH
from penchant.features.language_model import LanguageModel
from penchant.models import saved
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.saved import read_network, write_network
from penchant.storage.bundles import BundleStore
from penchant.training.trainer import fit_network
from tests import small_data

WITH_TEXT = small_data.FILM_RECIPE.replace("[scenario]", 'item.words = { kind = "text", column = "title" }\n\n[scenario]').replace(
    "= 8\nb", "= 1\nb"
)


def vectors(_: LanguageModel, texts: list[str]) -> NDArray[np.float32]:
    """Four numbers per text that depend on nothing but the text."""
    hashes = [hashlib.sha256(text.encode()).digest()[:4] for text in texts]
    return np.array([list(digest) for digest in hashes], dtype=np.float32).reshape(len(texts), 4) / np.float32(255)


def refuse(*_: object, **__: object) -> Any:
    raise AssertionError("this must not happen when a bundle is read")


@pytest.fixture(scope="module")
def written() -> Iterator[NetworkRecommender]:
    """A network that reads titles, from a language model that is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LanguageModel, "encode", vectors)
        data = small_data.film_dataset(WITH_TEXT)
        yield fit_network(data.recipe, data)


@pytest.fixture(scope="module")
def folder(written: NetworkRecommender, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = BundleStore(tmp_path_factory.mktemp("bundles"))
    return store.open(store.create(lambda fresh: write_network(written, fresh))).path


@pytest.fixture
def read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> NetworkRecommender:
    """The network read from its bundle, where nothing may load a language model or a pickle."""
    monkeypatch.setattr(LanguageModel, "encode", refuse)
    monkeypatch.setattr(LanguageModel, "_parts", property(refuse))
    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(torch, "load", refuse)
    return read_network(folder)


def test_that_recommendations_are_the_same_bit_for_bit(written: NetworkRecommender, read: NetworkRecommender) -> None:
    users = [*(f"u{number}" for number in range(20)), "nobody"]
    for options in ({}, {"scenario": "search"}, {"context": {"daypart": "night"}, "exclude_seen": False}):
        moment = {"time": small_data.FILM_NOW, **options.get("context", {})}
        one, other = (model.recommend(users, 10, **{**options, "context": moment}) for model in (written, read))
        assert one.equals(other)
    assert len(one) == 210


def test_that_tasks_may_have_any_name(tmp_path: Path) -> None:
    names = ["forward", "keys", "two words", "type"]
    tasks = "".join(f'[tasks."{name}"]\nkind = "binary"\nlabel = "rating >= 4"\n' for name in names)
    fast = small_data.FILM_RECIPE.replace("epochs = 8", "epochs = 1").replace("[tasks.like]", f"{tasks}[tasks.like]")
    data = small_data.film_dataset(fast)
    written = fit_network(data.recipe, data)
    write_network(written, tmp_path)
    told, again = written.predict(data), read_network(tmp_path).predict(data)
    assert set(names) < set(told)
    assert all(np.array_equal(told[name], again[name]) for name in told)
    assert not np.array_equal(told["forward"], told["keys"])


class Coloured:
    """Stands for the image encoder: the mean colour, repeated."""

    fingerprint = "coloured"

    def make_ready(self) -> None: ...

    def read(self, images: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        return np.stack([np.resize(image.mean(axis=(0, 1)), WIDTH) for image in images]).astype(np.float32)


PLACED = """item.words = { kind = "text", column = "title", model = "reader", cache = "kept" }
item.poster = { kind = "image", column = "item_id", path = "posters", pattern = "{}.png", cache = "kept" }
item.sketch = { kind = "vector", column = "item_id", file = "sketches.parquet" }
item.near = { kind = "graph", column = "item_id", width = 2, edges = { path = "near.csv", from = "a", to = "b" } }

[scenario]"""


def test_that_paths_start_at_the_recipe_from_any_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are read by a model in the recipe's folder, posters lie there, and a poster that comes later is found there."""
    pillow = pytest.importorskip("PIL.Image")
    monkeypatch.setattr("penchant.features.image.EfficientNet", lambda _: Coloured())
    monkeypatch.setattr(
        LanguageModel, "encode", lambda model, texts: vectors(model, [f"{Path(model.name).is_dir()} {text}" for text in texts])
    )
    recipes, elsewhere = tmp_path / "recipes", tmp_path / "elsewhere"
    for folder in (recipes / "posters", recipes / "reader", elsewhere):
        folder.mkdir(parents=True)
    for number in range(14):
        pillow.new("RGB", (4, 4), (20 * number, 0, 0)).save(recipes / "posters" / f"a{number}.png")
    pl.DataFrame({"id": ["a0", "b0", "new"], "vector": [[1.0, 2.0], [3.0, 5.0], [8.0, 1.0]]}).write_parquet(recipes / "sketches.parquet")
    (recipes / "near.csv").write_text("a,b\na0,b0\nb0,b1\nnew,a0\n", encoding="utf8")
    lines = WITH_TEXT.replace('item.words = { kind = "text", column = "title" }\n\n[scenario]', PLACED)
    monkeypatch.chdir(recipes)
    data = small_data.film_dataset(lines)
    written = fit_network(data.recipe, data)
    fresh = tmp_path / "bundle"
    fresh.mkdir()
    write_network(written, fresh)
    pillow.new("RGB", (4, 4), (0, 250, 0)).save(recipes / "posters" / "new.png")
    items = pl.concat([small_data.films(), small_data.films()[:1].with_columns(item_id=pl.lit("new"))])
    wanted = written.features.encode("item", items)
    for folder, where in ((elsewhere, recipes), (recipes, Path()), (tmp_path, Path("recipes"))):
        monkeypatch.chdir(folder)
        found = read_network(fresh, where).features.encode("item", items)
        assert all(np.array_equal(array, wanted[name]) for name, array in found.items())
    assert wanted["poster"][-1, -1] == 0
    assert wanted["poster"][:, -1].sum() == 16  # b0 … b14 and a14 have no poster
    assert sorted(path.name for path in elsewhere.iterdir()) == []


def test_that_predictions_are_the_same_bit_for_bit(written: NetworkRecommender, read: NetworkRecommender) -> None:
    data = small_data.film_dataset(WITH_TEXT)
    own = data.part(np.arange(200))
    of_written = written.predict(type(own)(written.recipe, written.log_, own.rows))
    of_read = read.predict(type(own)(read.recipe, read.log_, own.rows))
    assert sorted(of_read) == ["like", "stars"]
    for task, values in of_written.items():
        np.testing.assert_array_equal(of_read[task], values)


def test_that_the_log_comes_back_as_it_was(written: NetworkRecommender, read: NetworkRecommender) -> None:
    log, again = written.log_, read.log_
    for name in ("user", "item", "time", "in_history"):
        np.testing.assert_array_equal(getattr(again, name), getattr(log, name))
        assert getattr(again, name).dtype == getattr(log, name).dtype
    assert again.users.equals(log.users)
    assert again.items.equals(log.items)
    assert sorted(again.columns) == sorted(log.columns) == ["daypart", "rating", "tab"]
    for name in log.columns:
        assert again.series(name).equals(log.series(name))


def test_that_events_with_missing_values_come_back_missing(tmp_path: Path) -> None:
    last = {"user_id": "u0", "item_id": "a1", "timestamp": small_data.FILM_NOW - 1, "rating": None, "tab": None, "daypart": None}
    data = small_data.film_dataset(
        small_data.FILM_RECIPE.replace("epochs = 8", "epochs = 1"), more=pl.DataFrame([last], schema=small_data.film_events().schema)
    )
    read = small_data.copy_of(fit_network(data.recipe, data), tmp_path)
    row = int(np.flatnonzero(read.log_.time == small_data.FILM_NOW - 1)[0])
    assert [read.log_.series(name, np.array([row])).to_list() for name in ("rating", "tab", "daypart")] == [[None], [None], [None]]


def test_that_a_log_written_in_pieces_is_the_same_file_of_events(
    written: NetworkRecommender, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "EVENTS_AT_ONCE", 100)
    write_network(written, tmp_path)
    assert pl.read_parquet(tmp_path / "events.parquet").equals(pl.read_parquet(folder / "events.parquet"))
    assert len(pl.read_parquet(tmp_path / "events.parquet")) == small_data.VIEWERS * small_data.EVENTS_EACH


def test_that_a_log_without_a_history_rule_keeps_every_event(tmp_path: Path) -> None:
    data = small_data.film_dataset(small_data.FILM_RECIPE.replace('where = "rating >= 2"\n', "").replace("epochs = 8", "epochs = 1"))
    read = small_data.copy_of(fit_network(data.recipe, data), tmp_path)
    assert len(read.log_.history_rows) == len(read.log_) == small_data.VIEWERS * small_data.EVENTS_EACH


def test_that_the_recipe_comes_back_without_the_folder_it_lay_in(
    written: NetworkRecommender, read: NetworkRecommender, folder: Path
) -> None:
    assert read.recipe == written.recipe.model_copy(update={"directory": read.recipe.directory})
    assert '"directory"' not in (folder / "recipe.json").read_text(encoding="utf8")


def test_that_a_bundle_holds_json_safetensors_and_parquet_only(folder: Path) -> None:
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".safetensors", ".parquet"}


def test_that_the_network_is_read_for_answering_not_for_training(read: NetworkRecommender) -> None:
    assert not any(module.training for module in read.network.modules())


def test_that_a_read_network_can_be_written_again(read: NetworkRecommender, folder: Path, tmp_path: Path) -> None:
    write_network(read, tmp_path)
    for path in tmp_path.iterdir():
        if path.suffix != ".parquet":
            assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
        else:
            assert pl.read_parquet(path).equals(pl.read_parquet(folder / path.name)), path.name
