"""What `penchant init` proposes trains as it stands: a folder with every kind of data that it knows."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.data.guess import guess
from penchant.features.efficientnet import WIDTH
from penchant.features.language_model import LanguageModel
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.recipe import Recipe
from penchant.training.trainer import fit_network
from tests.cli.given import penchant
from tests.real_data import real_data

DAY, START = 86_400, 1_650_000_000
USERS, ITEMS = 20, 60
PLOT = "Ein Mann mit Nummer {} geht in das Haus und wartet auf die Frau, die er am Meer getroffen hat; {} mal fragt er, ob sie kommt. "


class Coloured:
    """Stands for the image encoder: the mean colour, repeated."""

    fingerprint = "coloured"

    def make_ready(self) -> None: ...

    def read(self, images: list[Any]) -> Any:
        return np.stack([np.resize(image.mean(axis=(0, 1)), WIDTH) for image in images]).astype(np.float32)


def lengths(_: LanguageModel, texts: list[str]) -> Any:
    return np.array([[len(text), text.count("e")] for text in texts], dtype=np.float32)


def market(folder: Path) -> None:
    """A market of 40 days: events with kinds and places; people with friends; things with plots, vectors and two sorts of pictures."""
    pillow = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(0)
    rows = [
        f"u{n % USERS},i{random.integers(ITEMS)},{START + n * DAY // 20},{('impression', 'click', 'buy', 'click')[n % 4]},"
        f"{('phone', 'desktop')[n // 3 % 2]},{random.uniform(40, 50):.3f},{random.uniform(5, 15):.3f},{n % 13}"
        for n in range(800)
    ]
    (folder / "log.csv").write_text("userId,itemId,ts,event_type,device,lat,lon,temperature\n" + "\n".join(rows), encoding="utf8")
    people = [f"u{n},{('baker', 'nurse')[n % 2]},{20 + n * 1.5},{48 + n / 9:.2f},{10 + n / 9:.2f}" for n in range(USERS)]
    (folder / "people.csv").write_text("userId,job,income,home_lat,home_lon\n" + "\n".join(people), encoding="utf8")
    friends = [f"u{n},u{(n + 1) % USERS},{n + 1}" for n in range(USERS)]
    (folder / "friends.csv").write_text("user_id,friend_id,weight\n" + "\n".join(friends), encoding="utf8")
    for part in ("posters", "photos"):
        (folder / part).mkdir()
    for n in range(ITEMS):
        pillow.new("RGB", (4, 4), (4 * n, 0, 0)).save(folder / "posters" / f"i{n}.png")
        pillow.new("RGB", (4, 4), (0, 4 * n, 0)).save(folder / "photos" / f"of-{n}.png")
    things = {
        "itemId": [f"i{n}" for n in range(ITEMS)],
        "title": [f"Ding {n}" for n in range(ITEMS)],
        "plot": [PLOT.format(n, n % 7) * 2 for n in range(ITEMS)],
        "genres": [["a", "b", "c"][: 1 + n % 3] for n in range(ITEMS)],
        "price": [n * 1.25 for n in range(ITEMS)],
        "embedding": [[n / 7, 1.0, -n / 3] for n in range(ITEMS)],
        "photo": [f"photos/of-{n}.png" for n in range(ITEMS)],
    }
    pl.DataFrame(things).write_parquet(folder / "things.parquet")


def capped(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": 1, "seconds": 10.0})})


def trained(folder: Path, text: str) -> NetworkRecommender:
    recipe = capped(Recipe.parse(text, folder))
    train, valid, _ = Dataset.read(recipe).split()
    return fit_network(recipe, train, valid)


def test_that_every_kind_that_lies_in_a_folder_is_proposed_and_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penchant.features.image.EfficientNet", lambda _: Coloured())
    monkeypatch.setattr(LanguageModel, "encode", lengths)
    monkeypatch.setattr(LanguageModel, "width", 2)
    market(tmp_path)
    assert penchant("init", tmp_path).code == 0
    text = (tmp_path / "recipe.toml").read_text(encoding="utf8")
    features = Recipe.parse(text, tmp_path).features
    kinds = {owner: {name: part.kind for name, part in getattr(features, owner).items()} for owner in ("user", "item", "context")}
    assert kinds["user"] == {"job": "category", "income": "number", "home_place": "place", "friends_graph": "graph"}
    assert kinds["item"] == {
        "item_id": "category",
        "posters": "image",
        "title": "text",
        "plot": "text",
        "plot_topics": "topics",
        "genres": "categories",
        "price": "number",
        "embedding": "vector",
        "photo": "image",
    }
    counted = {f"user.{name}": "counters" for name in ("activity", "click_rate", "buy_rate")}
    assert kinds["context"] == {"hour": "time", "place": "place", "temperature": "category", **counted}
    assert features.item["plot"].settings == {"model": "multilingual"}
    model = trained(tmp_path, text)
    lists = model.recommend(["u0", "u1", "nobody"], 5, scenario="phone")
    assert len(lists) == 15
    assert np.isfinite(lists["score"].to_numpy()).all()


@pytest.mark.long
@pytest.mark.parametrize("name", ["ml-100k", "ml-1m", "frappe", "kuairand"])
def test_that_what_is_proposed_for_real_folders_trains(name: str) -> None:
    folder = real_data(name)
    model = trained(folder, guess(folder).recipe_text)
    assert np.isfinite(model.recommend(model.log_.users["user_id"].to_list()[:3], 5)["score"].to_numpy()).all()
