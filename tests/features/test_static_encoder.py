"""One vector per token, learnt from an encoder."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.features.contract import FeatureContract
from penchant.features.feature import build
from penchant.features.language_model import LanguageModel
from penchant.features.static_encoder import StaticEncoder, _change, _rarity
from penchant.features.text import Text, TextSettings
from penchant.schema.sections.features import FeaturePart
from tests.tiny_encoder import tiny_encoder

TOPICS, EACH = 4, 12
COMMON = ["the", "of", "and"]
WORDS = COMMON + [f"t{topic}w{number}" for topic in range(TOPICS) for number in range(EACH)]
GROUPS = [None] * len(COMMON) + [topic for topic in range(TOPICS) for _ in range(EACH)]


def planted(count: int, seed: int) -> list[str]:
    """Texts of six words of one topic among common ones; text n is of topic n % 4."""
    random = np.random.default_rng(seed)
    own = [random.choice([f"t{n % TOPICS}w{number}" for number in range(EACH)], 6) for n in range(count)]
    return [" ".join(random.permutation([*words, *random.choice(COMMON, 6)])) for words in own]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("tiny"), layers=2, width=32, words=WORDS, longest=32, spread=0.2, groups=GROUPS)


@pytest.fixture(scope="module")
def teacher(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return LanguageModel(str(folder), tmp_path_factory.mktemp("cache"), precision="float32")


@pytest.fixture(scope="module")
def learnt(teacher: LanguageModel) -> StaticEncoder:
    return StaticEncoder(teacher, 32, 1000).fit(planted(400, 0))


class TestStaticText(FeatureContract):
    values = pl.Series(["the t0w1", None, "of t1w2 t1w3", "", "words it does not know"])

    @pytest.fixture(autouse=True)
    def _tiny(self, folder: Path, tmp_path: Path) -> None:
        self.part = FeaturePart.model_validate({"kind": "text", "model": str(folder), "engine": "static", "cache": str(tmp_path)})


def test_that_vectors_of_new_texts_are_near_the_encoders_own(learnt: StaticEncoder, teacher: LanguageModel) -> None:
    texts = planted(100, 1)
    found, wanted = learnt.encode(texts), teacher.encode(texts)
    own = ((found - learnt.middle_) * (wanted - learnt.middle_)).sum(axis=1)
    own /= np.linalg.norm(found - learnt.middle_, axis=1) * np.linalg.norm(wanted - learnt.middle_, axis=1)
    assert own.mean() > 0.6  # of what a text has beside the middle of all
    alone = StaticEncoder(teacher, 32, 1000).fit([]).encode(texts)
    assert np.square(found - wanted).sum() < 0.5 * np.square(alone - wanted).sum()  # the texts taught more than the tokens


def test_that_texts_of_one_topic_stay_neighbours(learnt: StaticEncoder) -> None:
    vectors = learnt.encode(planted(80, 2))
    likeness = (vectors - vectors.mean(axis=0)) @ (vectors - vectors.mean(axis=0)).T
    np.fill_diagonal(likeness, -np.inf)
    nearest = np.argsort(-likeness, axis=1)[:, :5]
    assert (nearest % TOPICS == np.arange(80)[:, None] % TOPICS).mean() > 0.9  # 0.24 by chance


def test_that_a_vector_is_the_weighted_mean_of_its_tokens_by_hand(learnt: StaticEncoder) -> None:
    places = [int(np.flatnonzero(learnt.kept_ == 4 + WORDS.index(word))[0]) for word in ("the", "t2w3")]
    weights, table = learnt.weights_[places], learnt.table_[places].astype(np.float32)
    mean = (2 * weights[0] * table[0] + weights[1] * table[1]) / (2 * weights[0] + weights[1])
    vector = learnt.middle_ + mean @ learnt.basis_
    np.testing.assert_allclose(learnt.encode(["the t2w3 the"])[0], vector / np.linalg.norm(vector), atol=1e-5)
    assert weights[1] > 5 * weights[0]


def test_that_unknown_words_are_passed_over_and_alone_are_the_middle(learnt: StaticEncoder) -> None:
    one, other, nothing, empty = learnt.encode(["t0w0", "t0w0 neverheard", "neverheard", ""])
    np.testing.assert_allclose(one, other, atol=1e-6)
    middle = learnt.middle_ / np.linalg.norm(learnt.middle_)
    np.testing.assert_allclose([nothing, empty], [middle, middle], atol=1e-6)


def test_that_only_so_many_tokens_are_kept_those_of_the_texts_first(teacher: LanguageModel) -> None:
    few = StaticEncoder(teacher, 8, 5).fit(["t3w11 t3w10", "t3w9"])
    kept = [WORDS[token - 4] for token in few.kept_]
    assert kept == ["the", "of", "t3w9", "t3w10", "t3w11"]
    assert few.table_.shape == (5, 5)  # five vectors differ in four directions at most
    assert few.width == 32


def test_that_weights_are_aroras() -> None:
    np.testing.assert_allclose(_rarity(np.array([999, 0])), [1e-3 / (1e-3 + 999.5 / 1000), 1e-3 / (1e-3 + 0.5 / 1000)], rtol=1e-5)


def test_that_the_change_is_the_ridge_regression_of_the_normal_equations() -> None:
    from scipy.sparse import csr_matrix

    random = np.random.default_rng(0)
    means, lacking = random.random((6, 9)), random.random((6, 3)).astype(np.float32)
    wanted = np.linalg.solve(means.T @ means + 0.7 * np.eye(9), means.T @ lacking)
    np.testing.assert_allclose(_change(csr_matrix(means), lacking, 0.7), wanted, atol=1e-5)


def test_that_a_restored_feature_needs_neither_the_model_nor_transformers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TextSettings(model=str(folder), engine="static", cache=tmp_path)
    written = Text(settings).fit(pl.Series(planted(60, 0)))
    new = pl.Series(planted(5, 3))
    wanted, (facts, arrays) = written.transform(new), written.state()
    monkeypatch.setattr(LanguageModel, "_parts", property(lambda _: pytest.fail("loaded the model")))
    monkeypatch.setitem(sys.modules, "transformers", None)
    part = FeaturePart.model_validate({"kind": "text", "model": "gone", "engine": "static"})
    assert np.array_equal(build(part, "item.plot").restore(facts, arrays).transform(new), wanted)
    assert wanted.any()
