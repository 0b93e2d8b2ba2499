"""The text encoder itself: pieces, batches, folders. A tiny model of our own making stands for the large ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.features import language_model
from penchant.features.language_model import LanguageModel, _batches
from penchant.schema.errors import RecipeError
from tests.tiny_encoder import WORDS, tiny_encoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of our own making: words are letters, at most 16 tokens."""
    return tiny_encoder(tmp_path_factory.mktemp("tiny"), layers=1)


def model(folder: Path, cache: Path, **how: Any) -> LanguageModel:
    return LanguageModel(str(folder), cache, precision="float32", **how)


def test_that_a_text_has_the_same_vector_bit_for_bit_alone_and_among_others(folder: Path, tmp_path: Path) -> None:
    texts = ["a", "a b c", "d e f g h a b c d", "b " * 40, "", "🎬 unknown 语言"]
    together = model(folder, tmp_path / "all").encode(texts)
    alone = [model(folder, tmp_path / f"{n}").encode([text])[0] for n, text in enumerate(texts)]
    assert np.array_equal(together, np.stack(alone))
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_that_a_short_text_is_the_mean_of_the_networks_tokens(folder: Path, tmp_path: Path) -> None:
    import torch

    encoder = model(folder, tmp_path)
    tokenizer, network = encoder._parts
    with torch.inference_mode():
        hidden = network(**tokenizer("a b", return_tensors="pt")).last_hidden_state[0].mean(0)
    np.testing.assert_allclose(encoder.encode(["a b"])[0], torch.nn.functional.normalize(hidden, dim=0).numpy(), atol=1e-5)


def test_that_a_long_text_is_the_mean_of_its_pieces_weighted_by_their_tokens(folder: Path, tmp_path: Path) -> None:
    encoder = model(folder, tmp_path)
    first, second = "a b c d e f g a b c d e f g", "h h h"  # 16 tokens hold 14 words
    whole, one, two = encoder.encode([f"{first} {second}", first, second])
    mean = 16 * one + 5 * two
    np.testing.assert_allclose(whole, mean / np.linalg.norm(mean), atol=1e-6)


def test_that_a_prefix_stands_in_front_of_every_piece(folder: Path, tmp_path: Path) -> None:
    pieces, owners = model(folder, tmp_path, prefix="h ")._pieces(["a " * 20, "b"])
    a, b, h = WORDS.index("a"), WORDS.index("b"), WORDS.index("h")
    assert pieces == [[2, h, *[a] * 13, 3], [2, h, *[a] * 7, 3], [2, h, b, 3]]
    assert owners.tolist() == [0, 0, 1]


def test_that_a_very_long_text_is_read_up_to_its_last_piece_allowed(folder: Path, tmp_path: Path) -> None:
    encoder = model(folder, tmp_path, maximum_pieces=3)
    pieces, _ = encoder._pieces(["a " * 500_000])  # a megabyte
    assert len(pieces) == 3
    assert np.isfinite(encoder.encode(["a " * 500_000, ""])).all()


def test_that_a_text_is_padded_to_a_length_of_its_own(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = model(folder, tmp_path)
    network, shapes = encoder._parts[1], []
    forward = network.forward
    monkeypatch.setattr(network, "forward", lambda **told: shapes.append(tuple(told["input_ids"].shape)) or forward(**told))
    encoder.encode(["a", "a b", "a b c d e f g"])
    assert shapes == [(1, 16), (2, 8)]


def test_that_batches_hold_texts_of_one_padded_length_and_every_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model, "TOKENS_AT_ONCE", 32)
    assert list(_batches([3, 17, 8, 9, 1, 2, 7])) == [[1], [3], [0, 2, 4, 5], [6]]


def test_that_a_folders_own_pooling_and_length_are_kept(folder: Path, tmp_path: Path) -> None:
    import shutil

    own = Path(shutil.copytree(folder, tmp_path / "own"))
    (own / "1_Pooling").mkdir()
    (own / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}), encoding="utf8")
    (own / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 8}), encoding="utf8")
    encoder = model(own, tmp_path)
    assert [len(piece) for piece in encoder._pieces(["a " * 10])[0]] == [8, 6]
    assert not np.allclose(encoder.encode(["a b"]), model(folder, tmp_path).encode(["a b"]))


def test_that_other_weights_of_the_same_size_do_not_share_vectors(folder: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.numpy import load_file, save_file

    other = Path(shutil.copytree(folder, tmp_path / folder.name))
    weights = {name: array * 1.5 for name, array in load_file(folder / "model.safetensors").items()}
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    assert not np.array_equal(model(folder, tmp_path).encode(["a b"]), model(other, tmp_path).encode(["a b"]))


def test_that_a_folder_without_weights_is_told_what_it_lacks(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf8")
    with pytest.raises(RecipeError, match=r"found a folder without model\.safetensors \(config\.json\)"):
        model(tmp_path, tmp_path).encode(["a"])


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "englisch", "..nowhere"])
def test_that_a_name_no_hub_could_have_is_refused_without_asking_one(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asked the network"))
    with pytest.raises(RecipeError, match="no such folder, package or name"):
        LanguageModel(name, tmp_path).encode(["a"])


def test_that_layers_are_the_networks_own_states_each_pooled_and_of_length_one(tmp_path: Path) -> None:
    import torch

    encoder = model(tiny_encoder(tmp_path / "tiny"), tmp_path, layers=(0, 2, -1))
    tokenizer, network = encoder._parts
    with torch.inference_mode():
        states = network(**tokenizer("a b", return_tensors="pt"), output_hidden_states=True).hidden_states
    found = encoder.encode(["a b"])[0].reshape(3, 8)
    for own, layer in zip(found, (0, 2, 3), strict=True):
        np.testing.assert_allclose(own, torch.nn.functional.normalize(states[layer][0].mean(0), dim=0).numpy(), atol=1e-5)


def test_that_a_long_text_has_states_of_length_one_too(tmp_path: Path) -> None:
    encoder = model(tiny_encoder(tmp_path / "tiny"), tmp_path, layers=(1, 3))
    states = encoder.encode(["a b c d e f g " * 5]).reshape(2, 8)
    np.testing.assert_allclose(np.linalg.norm(states, axis=1), 1, atol=1e-5)


def test_that_other_layers_do_not_read_the_first_ones_vectors(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "tiny")
    one, other = (model(folder, tmp_path, layers=layers).encode(["a b"]) for layers in ((0, 1), (2, 3)))
    assert not np.allclose(one, other)
    assert np.array_equal(model(folder, tmp_path, layers=(3,)).encode(["a b"]), model(folder, tmp_path).encode(["a b"]))


def test_that_the_beginning_of_a_text_keeps_its_frame(folder: Path, tmp_path: Path) -> None:
    encoder = model(folder, tmp_path)
    a, b = WORDS.index("a"), WORDS.index("b")
    assert encoder.first_pieces(["a b a b a b", "b", ""], 5) == [[2, a, b, a, 3], [2, b, 3], [2, 3]]


def test_that_a_written_model_reads_as_the_one_it_was_made_from(tmp_path: Path) -> None:
    source = tiny_encoder(tmp_path / "tiny")
    (source / "1_Pooling").mkdir()
    (source / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}), encoding="utf8")
    first = model(source, tmp_path)
    first.save(first.network, tmp_path / "again")
    assert np.array_equal(model(tmp_path / "again", tmp_path).encode(["a b"]), first.encode(["a b"]))


# Texts as they come.

ODD = {
    "empty": "",
    "blank": " \t\n\u3000\u200b",
    "emoji": "🎬🍿👩‍👩‍👧",
    "right to left": "فيلم عن الحرب a שלום",
    "unknown letters": "བོད་ཡིག 𓀀𓀁",
    "half a pair": "a \ud83c b",
    "zero bytes": "a\0b\0",
    "controls": "\x01\x1b[0m\x7f a",
    "accents upon accents": "e" + "\u0301" * 5000,
    "one long word": "x" * 100_000,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_that_any_text_has_a_vector_the_same_alone_and_among_others(folder: Path, tmp_path: Path, text: str) -> None:
    among = model(folder, tmp_path / "among").encode(["a b c", text, "d " * 30])[1]
    alone = model(folder, tmp_path / "alone").encode([text])[0]
    assert np.isfinite(alone).all()
    assert np.array_equal(among, alone)
    np.testing.assert_allclose(np.linalg.norm(alone), 1, atol=1e-5)


def test_that_halves_of_a_character_are_put_together_and_a_lone_half_is_a_mark() -> None:
    assert language_model._sound("a \ud83c\udfac b") == "a 🎬 b"
    assert language_model._sound("a \ud83c b \udfac") == "a \ufffd b \ufffd"
    assert language_model._sound("电影 🎬") == "电影 🎬"


def test_that_the_tokenizer_is_never_given_a_book(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = model(folder, tmp_path, maximum_pieces=3)
    tokenizer, *frame = encoder._frame
    given: list[int] = []

    def counting(texts: list[str], **how: Any) -> Any:
        given.extend(len(text) for text in texts)
        return tokenizer(texts, **how)

    monkeypatch.setitem(encoder.__dict__, "_frame", (counting, *frame))
    assert len(encoder._pieces(["a " * 500_000])[0]) == 3
    assert given == [3 * 14 * language_model.CHARACTERS_PER_TOKEN]  # 14 words in a piece


def test_that_texts_are_read_together_up_to_so_many_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model, "CHARACTERS_AT_ONCE", 10)
    monkeypatch.setattr(language_model, "READ_AT_ONCE", 3)
    texts = ["aaaa", "aaaa", "aaa", "a" * 50, "a", "a", "a", "a"]
    assert list(language_model._read_together([*range(8)], texts)) == [[0, 1], [2], [3], [4, 5, 6], [7]]
    assert list(language_model._read_together([], texts)) == []


def test_that_another_tokenizer_or_another_release_does_not_share_vectors(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    other = Path(shutil.copytree(folder, tmp_path / folder.name))
    before = model(folder, tmp_path)._fingerprint
    assert model(other, tmp_path)._fingerprint == before
    (other / "tokenizer_config.json").write_text((other / "tokenizer_config.json").read_text("utf8") + " ", encoding="utf8")
    assert model(other, tmp_path)._fingerprint != before
    versions = {"transformers": "5.23.0", "tokenizers": "0.23.3"}
    monkeypatch.setattr(language_model.metadata, "version", versions.__getitem__)
    now = model(folder, tmp_path)._fingerprint
    versions |= {"transformers": "5.99.1", "tokenizers": "0.23.9"}
    assert model(folder, tmp_path)._fingerprint == now
    versions["tokenizers"] = "0.24.0"
    assert model(folder, tmp_path)._fingerprint != now
    versions |= {"transformers": "6.0.0", "tokenizers": "0.23.3"}
    assert model(folder, tmp_path)._fingerprint != now
