"""Texts and tokens a second that the text feature's encoder reads, and what a million items cost.

Three stand side by side on the same texts, by turns:
  bound  the bare network's forward on batches that are ready: the same tokens, padded as ours are
  peer   what anybody would write with transformers, as sentence-transformers does it: texts sorted by length, tokenised, padded and
         read a batch at a time; the best of several batch sizes; nothing is kept
  ours   all a feature does: hashing, cutting into pieces, batching, and keeping vectors on disk
Shares are those of processor seconds, which other work on the machine disturbs less than the clock; texts a second are by the clock, hours
of a million items by the processor.

    python benchmarks/encoders.py [--quick] [--json] [--texts FILE] [--threads N] [--models english multilingual]

FILE holds one text a line; without it, texts of 3 to 120 words are drawn from a fixed vocabulary. With --json the last line is one object.
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

from penchant.features.kept_vectors import FILE
from penchant.features.language_model import LanguageModel, _batches, _padded

BATCHES = (16, 32, 64, 128)
MILLION = 1_000_000
VOCABULARY = {
    "english": "a film about war peace love dogs and the story of two young people who cook travel sing dream in paris",
    "multilingual": "电影 战争 爱情 音乐 a film about 美食 旅行 guerra amor música Liebe Krieg Film история любви",
}


def drawn(model: str, count: int) -> list[str]:
    """Texts whose lengths are spread as those of titles, plots and descriptions are."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(2.7, 0.9, count), 3, 120).astype(int)
    return [" ".join(random.choice(VOCABULARY[model].split(), length)) for length in lengths]


class Bound:
    """The network's forward on ready batches; nothing that makes texts of them can be faster."""

    def __init__(self, encoder: LanguageModel, texts: list[str]) -> None:
        self._network = encoder._parts[1]
        pieces, _ = encoder._pieces(texts)
        self.tokens = sum(map(len, pieces))
        self._batches = []
        for places in _batches([len(piece) for piece in pieces]):
            width = _padded(max(len(pieces[place]) for place in places))
            rows = torch.tensor([pieces[place] + [0] * (width - len(pieces[place])) for place in places])
            mask = torch.tensor([[1] * len(pieces[place]) + [0] * (width - len(pieces[place])) for place in places])
            self._batches.append((rows, mask))

    @torch.inference_mode()
    def __call__(self) -> None:
        for rows, mask in self._batches:
            self._network(input_ids=rows, attention_mask=mask)


def peer(encoder: LanguageModel, texts: list[str], rows: int) -> None:
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


def ours(encoder: LanguageModel, texts: list[str]) -> int:
    """The feature's road, with nothing kept before; the bytes that are kept after it."""
    with tempfile.TemporaryDirectory() as folder:
        encoder.cache, kept = Path(folder), encoder.cache
        try:
            encoder.encode(texts)
        finally:
            encoder.cache = kept
        return (Path(folder) / FILE).stat().st_size


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Processor seconds and seconds by the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - processor, time.perf_counter() - clock


def measure(model: str, texts: list[str], turns: int, sizes: tuple[int, ...]) -> dict[str, Any]:
    """The best turn of each."""
    encoder = LanguageModel(model)
    encoder.encode(["warm"])
    warm, bound = texts[:: max(len(texts) // 64, 1)], Bound(encoder, texts)
    peer(encoder, warm, 32)
    ours(encoder, warm)
    named: dict[str, Callable[[], Any]] = {f"peer {rows}": lambda rows=rows: peer(encoder, texts, rows) for rows in sizes}
    named |= {"bound": bound, "ours": lambda: ours(encoder, texts)}
    spent = {name: [timed(work)] for name, work in named.items()}
    best = min((name for name in named if name.startswith("peer")), key=lambda name: spent[name][0])
    for _ in range(turns - 1):
        for name in ("bound", best, "ours"):
            spent[name].append(timed(named[name]))
    processor = {name: min(one for one, _ in spent[name]) for name in ("bound", best, "ours")}
    clock = {name: min(one for _, one in spent[name]) for name in ("bound", best, "ours")}
    distinct = len({*texts})
    return {
        "model": model, "texts": len(texts), "tokens": bound.tokens, "threads": torch.get_num_threads(), "precision": encoder.precision,
        "best_peer": best,
        **{f"{name.split()[0]}_texts_per_second": round(len(texts) / clock[name], 1) for name in clock},
        **{f"{name.split()[0]}_tokens_per_second": round(bound.tokens / clock[name]) for name in clock},
        "share_of_bound": round(processor["bound"] / processor["ours"], 3),
        "share_of_peer": round(processor[best] / processor["ours"], 3),
        "hours_per_million": round(processor["ours"] / len(texts) * MILLION / 3600, 2),
        "gigabytes_per_million": round(ours(encoder, texts) / distinct * MILLION / 1e9, 2),
    }  # fmt: skip


def line(row: dict[str, Any]) -> str:
    """A measurement as people read it."""
    speeds = "  ".join(
        f"{name} {row[f'{name}_texts_per_second']:,} texts/s ({row[f'{name}_tokens_per_second']:,} tokens/s)"
        for name in ("bound", "peer", "ours")
    )
    shares = f"{row['share_of_bound']:.0%} of the bound, {row['share_of_peer']:.0%} of the peer ({row['best_peer']})"
    cost = f"a million items: {row['hours_per_million']} processor hours, {row['gigabytes_per_million']} GB kept"
    return f"{row['model']}, {row['texts']:,} texts, {row['tokens']:,} tokens\n  {speeds}\n  ours: {shares}\n  {cost}"


def main() -> None:
    """Measure the packaged models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few texts, one turn")
    parser.add_argument("--json", action="store_true", help="one JSON object in the last line")
    parser.add_argument("--texts", type=Path, help="a file with one text a line")
    parser.add_argument("--count", type=int, default=2000, help="texts drawn where there is no file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--models", nargs="+", choices=[*VOCABULARY], default=[*VOCABULARY])
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    rows = []
    for model in asked.models:
        texts = asked.texts.read_text(encoding="utf8").splitlines() if asked.texts else drawn(model, 200 if asked.quick else asked.count)
        rows.append(measure(model, texts, 1 if asked.quick else 3, BATCHES[1:2] if asked.quick else BATCHES))
        if not asked.json:
            print(line(rows[-1]), flush=True)
    if asked.json:
        print(json.dumps({"benchmark": "encoders", "quick": asked.quick, "rows": rows}))


if __name__ == "__main__":
    main()
