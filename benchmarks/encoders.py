"""Texts a second that the text feature's encoder reads, beside the bare network on the same texts.

Bare: transformers alone, texts sorted by length, the best of several batch sizes. Ours: all a feature does: hashing, cutting into
pieces, batching, and keeping vectors on disk. Turns alternate, and the ratio is that of processor seconds, which other work on the
machine disturbs less than the clock; texts a second are by the clock.

    python benchmarks/encoders.py [--quick] [--json] [--texts FILE] [--threads N]

FILE holds one text a line; without it, texts of 3 to 120 words are drawn from a fixed vocabulary.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from penchant.features.language_model import LanguageModel

BATCHES = (16, 32, 64, 128)
VOCABULARY = {
    "english": "a film about war peace love dogs and the story of two young people who cook travel sing dream in paris",
    "multilingual": "电影 战争 爱情 音乐 a film about 美食 旅行 guerra amor música Liebe Krieg Film история любви",
}


def drawn(model: str, count: int) -> list[str]:
    """Texts whose lengths are spread as those of titles, plots and descriptions are."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(2.7, 0.9, count), 3, 120).astype(int)
    return [" ".join(random.choice(VOCABULARY[model].split(), length)) for length in lengths]


def bare(encoder: LanguageModel, texts: list[str], rows: int) -> None:
    """What anybody would write with transformers."""
    tokenizer, network = encoder._parts
    ordered = sorted((encoder.prefix + text for text in texts), key=len)
    with torch.inference_mode():
        for start in range(0, len(ordered), rows):
            batch = ordered[start : start + rows]
            tokens = tokenizer(batch, padding=True, truncation=True, max_length=256, return_tensors="pt")
            mask = tokens["attention_mask"].unsqueeze(-1)
            hidden = network(**tokens).last_hidden_state.float()
            torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1).numpy()


def ours(encoder: LanguageModel, texts: list[str]) -> None:
    """The feature's road, with nothing kept before."""
    with tempfile.TemporaryDirectory() as folder:
        encoder.cache, kept = Path(folder), encoder.cache
        try:
            encoder.encode(texts)
        finally:
            encoder.cache = kept


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Processor seconds and seconds by the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - processor, time.perf_counter() - clock


def measure(model: str, texts: list[str], turns: int) -> dict[str, Any]:
    """The best turn of each."""
    encoder = LanguageModel(model)
    encoder.encode(["warm"])
    warm = texts[:: max(len(texts) // 64, 1)]
    bare(encoder, warm, 32)
    ours(encoder, warm)
    named: dict[str, Callable[[], None]] = {f"bare {rows}": lambda rows=rows: bare(encoder, texts, rows) for rows in BATCHES}
    named["ours"] = lambda: ours(encoder, texts)
    spent = {name: [timed(work) for _ in [0]] for name, work in named.items()}
    best = min((name for name in named if name != "ours"), key=lambda name: spent[name][0])
    for _ in range(turns - 1):
        for name in (best, "ours"):
            spent[name].append(timed(named[name]))
    processor = {name: min(one for one, _ in spent[name]) for name in (best, "ours")}
    clock = {name: min(one for _, one in spent[name]) for name in (best, "ours")}
    return {
        "model": model, "texts": len(texts), "threads": torch.get_num_threads(), "precision": encoder.precision, "best_bare": best,
        "bare_per_second": round(len(texts) / clock[best], 1), "ours_per_second": round(len(texts) / clock["ours"], 1),
        "share_of_bare": round(processor[best] / processor["ours"], 3),
    }  # fmt: skip


def main() -> None:
    """Measure both packaged models and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few texts, one turn")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--texts", type=Path, help="a file with one text a line")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    for model in VOCABULARY:
        texts = asked.texts.read_text(encoding="utf8").splitlines() if asked.texts else drawn(model, 200 if asked.quick else 2000)
        row = measure(model, texts, 1 if asked.quick else 3)
        told = (
            "{model:<13} {texts:>6,} texts  bare {bare_per_second:>7,}/s ({best_bare})  ours {ours_per_second:>7,}/s  {share_of_bare:.0%}"
        )
        print(json.dumps(row) if asked.json else told.format(**row), flush=True)


if __name__ == "__main__":
    main()
