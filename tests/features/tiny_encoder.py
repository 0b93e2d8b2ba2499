"""A language model of our own making: a Hugging Face folder with random weights whose words are those given."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest


def write_tiny_encoder(
    place: Path, words: Sequence[str], width: int = 32, longest: int = 32, groups: Sequence[int | None] | None = None
) -> Path:
    """A BERT of two layers; special tokens come first, and a word it does not know is `[UNK]`. Words of one group begin alike."""
    transformers: Any = pytest.importorskip("transformers")
    tokenizers: Any = pytest.importorskip("tokenizers")
    import torch

    known = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    torch.manual_seed(0)
    sizes = {"hidden_size": width, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 4 * width}
    config = transformers.BertConfig(vocab_size=len(known), max_position_embeddings=longest, initializer_range=0.2, **sizes)
    model = transformers.BertModel(config)
    embeddings = model.embeddings.word_embeddings.weight.data
    for number, group in enumerate(groups or []):
        if group is not None:
            embeddings[4 + number] = 0.3 * embeddings[4 + number] + embeddings[4 + list(groups or []).index(group)].clone()
    model.save_pretrained(place)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    ends = [("[CLS]", known["[CLS]"]), ("[SEP]", known["[SEP]"])]
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=longest, **names).save_pretrained(place)
    return place
