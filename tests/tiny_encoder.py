"""A text encoder small enough to be made, read and fitted in a test: a Hugging Face folder of random weights, nothing is pretrained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
WORDS = [*SPECIAL, *LETTERS]


def tiny_encoder(
    place: Path,
    layers: int = 3,
    width: int = 8,
    seed: int = 0,
    *,
    words: Sequence[str] = LETTERS,
    longest: int = 16,
    spread: float = 0.3,
    groups: Sequence[int | None] = (),
) -> Path:
    """A folder at `place`: a BERT that reads at most `longest` tokens; a word it does not know is `[UNK]`.

    Args:
        words: What it knows beside the special tokens, which come first.
        spread: Of the random weights: the wider, the more the order of words matters.
        groups: Of each word, whose embeddings begin alike within a group; None for a word of no group.
    """
    transformers: Any = pytest.importorskip("transformers")
    tokenizers: Any = pytest.importorskip("tokenizers")
    import torch

    known = {word: number for number, word in enumerate([*SPECIAL, *words])}
    torch.manual_seed(seed)
    sizes = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 2 * width}
    config = transformers.BertConfig(vocab_size=len(known), max_position_embeddings=longest, initializer_range=spread, **sizes)
    model = transformers.BertModel(config)
    embeddings = model.embeddings.word_embeddings.weight.data
    for number, group in enumerate(groups):
        if group is not None:
            embeddings[len(SPECIAL) + number] = 0.3 * embeddings[len(SPECIAL) + number] + embeddings[len(SPECIAL) + groups.index(group)]
    model.save_pretrained(place)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    ends = [("[CLS]", known["[CLS]"]), ("[SEP]", known["[SEP]"])]
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=longest, **names).save_pretrained(place)
    return place
