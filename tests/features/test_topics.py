"""Topics of texts."""

import numpy as np
import polars as pl
import pytest
from scipy.optimize import nnls

from penchant.features.contract import FeatureContract
from penchant.features.feature import build
from penchant.features.topics import Topics, TopicsSettings, words_of
from penchant.schema.sections.features import FeaturePart

WAR, LOVE, FOOD = "war soldier army battle", "love wedding kiss bride", "rice soup kitchen recipe"


def corpus(*subjects: str, texts: int = 30) -> pl.Series:
    """Texts of three words, each about one subject, in turn."""
    random = np.random.default_rng(0)
    return pl.Series([" ".join(random.choice(subjects[n % len(subjects)].split(), 3, replace=False)) for n in range(texts)])


def topics(number: int = 3, **settings: object) -> Topics:
    return Topics(TopicsSettings.model_validate({"topics": number, "maximum_share": 1.0, **settings}))


class TestTopics(FeatureContract):
    part = FeaturePart.model_validate({"kind": "topics", "topics": 2, "minimum_texts": 1})
    values = pl.Series(["war soldier army", "war army", None, "", "love bride kiss", "love kiss"])


def test_that_planted_topics_are_found_and_named_by_their_words() -> None:
    feature = topics(words_in_name=4).fit(corpus(WAR, LOVE, FOOD))
    assert {frozenset(name.split(" · ")) for name in feature.names()} == {frozenset(each.split()) for each in (WAR, LOVE, FOOD)}


def test_that_a_text_about_one_topic_has_all_of_it_and_a_mixed_one_has_both() -> None:
    feature = topics().fit(corpus(WAR, LOVE, FOOD))
    pure, mixed = feature.transform(pl.Series([WAR, f"{WAR} {LOVE}"]))
    assert pure.max() > 0.99
    assert sorted(np.round(mixed, 1)) == pytest.approx([0, 0.5, 0.5], abs=0.11)


def test_that_shares_sum_to_one_or_are_all_zero() -> None:
    shares = topics().fit(corpus(WAR, LOVE, FOOD)).transform(pl.Series(["soldier kiss", "nothing known", "", None]))
    np.testing.assert_allclose(shares.sum(axis=1), [1, 0, 0, 0], atol=1e-6)


def test_that_shares_are_the_exact_non_negative_solution() -> None:
    feature, texts = topics(5).fit(corpus(WAR, LOVE, FOOD)), corpus(WAR, f"{LOVE} {FOOD}", texts=12)
    weights = feature._weights([words_of(text) for text in texts.to_list()]).toarray()
    exact = np.array([nnls(feature.topics_.T, row)[0] for row in weights])
    np.testing.assert_allclose(feature.transform(texts), exact / exact.sum(axis=1, keepdims=True), atol=1e-5)


def test_that_weights_are_tf_idf_by_hand() -> None:
    feature = topics(1, minimum_texts=1).fit(pl.Series(["war army", "war love"]))
    assert feature.words_ == ["army", "love", "war"]
    rare, common = np.log(3 / 2) + 1, 1.0  # of two texts, one has the rare word and both the common one
    row = np.array([rare, 0, (1 + np.log(2)) * common])
    np.testing.assert_allclose(feature._weights([["war", "army", "war"]]).toarray()[0], row / np.linalg.norm(row))


def test_that_chinese_topics_are_found_too() -> None:
    feature = topics(2, words_in_name=1).fit(pl.Series(["战争电影", "战争士兵", "战争", "爱情电影", "爱情婚礼", "爱情"] * 3))
    assert set(feature.names()) == {"战争", "爱情"}


def test_that_words_are_letters_and_ideographs_are_read_in_pairs() -> None:
    assert words_of("The X-ray 2 of ÉTÉ, 我爱电影 映画") == ["the", "ray", "of", "été", "我爱", "爱电", "电影", "映画"]
    assert words_of("爱") == ["爱"]
    assert words_of("🎬 1 _ a") == []


def test_that_empty_words_rare_words_and_words_of_all_texts_are_left_out() -> None:
    texts = [f"the common {'war' if n % 2 else 'love'}" for n in range(20)] + ["once"]
    feature = Topics(TopicsSettings(topics=2, minimum_texts=2, maximum_share=0.5)).fit(pl.Series(texts))
    assert feature.words_ == ["love", "war"]


def test_that_the_inverse_names_the_largest_topic() -> None:
    feature = topics(words_in_name=4).fit(corpus(WAR, LOVE, FOOD))
    told = feature.inverse(feature.transform(pl.Series([LOVE, None]))).to_list()
    assert (set(told[0].split(" · ")), told[1]) == (set(LOVE.split()), None)


def test_that_topics_nothing_fills_are_zero_and_have_a_number_for_a_name() -> None:
    feature = topics(4).fit(pl.Series(["war", "love"]))
    assert feature.transform(pl.Series(["war"])).shape == (1, 4)
    assert feature.names()[2:] == ["topic 3", "topic 4"]


def test_that_transforming_needs_no_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    feature = topics().fit(corpus(WAR, LOVE, FOOD))
    again = build(FeaturePart.model_validate({"kind": "topics", "topics": 3}), "item.plot").restore(*feature.state())
    monkeypatch.setitem(__import__("sys").modules, "sklearn.decomposition", None)
    assert np.array_equal(again.transform(corpus(WAR)), feature.transform(corpus(WAR)))
