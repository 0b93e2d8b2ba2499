"""The encoder in 8 bits, beside the encoder itself."""

from pathlib import Path

import numpy as np
import pytest

from penchant.features import int8_encoder
from penchant.features.int8_encoder import Int8LanguageModel
from penchant.features.language_model import LanguageModel
from penchant.features.text import Text, TextSettings
from penchant.schema.errors import RecipeError
from tests.tiny_encoder import tiny_encoder

pytestmark = pytest.mark.slow
pytest.importorskip("onnxruntime")
WORDS = [f"w{number}" for number in range(400)]
RANDOM = np.random.default_rng(0)
TEXTS = [" ".join(RANDOM.choice(WORDS, length)) for length in (1, 3, 9, 20, 29, 30, 31, 70, 100, 5, 5, 5)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("tiny"), layers=2, width=128, words=WORDS, longest=32, spread=0.2)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def vectors(folder: Path, cache: Path) -> np.ndarray:
    return Int8LanguageModel(str(folder), cache).encode(TEXTS)


def test_that_vectors_are_nearly_the_encoders_own_and_not_the_same(vectors: np.ndarray, folder: Path, cache: Path) -> None:
    full = LanguageModel(str(folder), cache, precision="float32").encode(TEXTS)  # of the same cache, which tells them apart
    cosines = (vectors * full).sum(axis=1)
    assert cosines.min() > 0.99
    assert not np.array_equal(vectors, full)


def test_that_a_text_has_the_same_vector_bit_for_bit_alone_and_among_others(
    vectors: np.ndarray, folder: Path, cache: Path, tmp_path: Path
) -> None:
    for place in (0, 4, 7):
        alone = Int8LanguageModel(str(folder), tmp_path / f"{place}")
        alone.__dict__["_parts"] = Int8LanguageModel(str(folder), cache)._parts
        assert np.array_equal(alone.encode([TEXTS[place]])[0], vectors[place])


def test_that_a_kept_graph_is_read_without_torchs_weights(
    vectors: np.ndarray, folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LanguageModel, "_parts", property(lambda _: pytest.fail("loaded the network")))
    monkeypatch.setattr(int8_encoder, "exported", lambda *_: pytest.fail("exported again"))
    assert np.array_equal(Int8LanguageModel(str(folder), cache).encode(TEXTS), vectors)
    assert Int8LanguageModel(str(folder), cache).encode(["w1 w2 never-kept"]).shape == (1, 128)


def test_that_a_prefix_and_the_number_of_pieces_count_as_in_the_encoder(folder: Path, cache: Path, vectors: np.ndarray) -> None:
    how = {"prefix": "w7 ", "maximum_pieces": 1}
    full = LanguageModel(str(folder), cache, precision="float32", **how).encode(TEXTS)
    light = Int8LanguageModel(str(folder), cache, **how).encode(TEXTS)
    assert (light * full).sum(axis=1).min() > 0.99
    assert not np.allclose(light, vectors, atol=0.05)


def test_that_the_setting_chooses_it_and_absent_packages_are_named(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feature = Text(TextSettings(model=str(folder), engine="onnx_int8", cache=tmp_path))
    assert type(feature.model) is Int8LanguageModel
    assert type(Text(TextSettings(model=str(folder))).model) is LanguageModel
    monkeypatch.setattr("penchant.exported.graph.importlib.util.find_spec", lambda name: None)
    with pytest.raises(RecipeError, match=r"text engine 'onnx_int8' must be installed .* pip install 'penchant\[light\]'"):
        feature.model.encode(["w1"])
