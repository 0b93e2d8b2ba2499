"""What lighter engines cost and keep: size, latency and quality of the text encoder's and of the ranking path's, in one run.

Encoder: the plots and abstracts of MovieLens-1M. A fifth of the texts is held out: neither the table of the static engine nor the weights
of its tokens know them. Quality is told beside the vectors of the full encoder in 32 bits: the mean cosine with them, Spearman's
correlation of all pairs' cosines, and how many of a text's ten nearest others are the same; cosines of centred vectors, as the network
reads them. Baseline: the same tokens as a bag, weighted as the static engine weighs them, without any encoder. Texts a second are by
processor seconds.

Ranking: a network on MovieLens-100K, one fit, its test part judged by every ranker. AUC of "liked" over the test rows, NDCG@10 of lists
that retrieval and "liked" order together, with intervals over users, and the paired difference from the teacher. Baseline: an item's share
of likes. Milliseconds are processor time, the median of turns of one request with 200 candidates, which alternate.

    python benchmarks/lighter.py [--quick] [--json] [--only encoder|ranking] [--data FOLDER] [--model NAME] [--texts N] [--users N]
"""

import argparse
import json
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from studies.study import BOOTSTRAP, text_of

from penchant.data.dataset import Dataset
from penchant.evaluation.metrics.auc import auc
from penchant.evaluation.metrics.hits import find_hits
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.features.int8_encoder import Int8LanguageModel
from penchant.features.language_model import LanguageModel
from penchant.features.static_encoder import StaticEncoder
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.models.rankers.chosen import chosen_ranker
from penchant.models.rankers.graph_ranker import GraphRanker
from penchant.models.rankers.ranker import Ranker
from penchant.models.rankers.student import Student
from penchant.schema.recipe import Recipe
from penchant.studies.fit import fit

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
GRAPHS = Path.home() / ".cache" / "penchant" / "graphs"
RANKERS = ("torch", "onnx", "onnx_int8", "distilled")
CANDIDATES = 200
HELD = 5  # one text in so many
NEIGHBOURS = 10
AT_ONCE = 64
RANKING_PATH = ("interaction", "candidate", "standing", "gate_in", "experts", "gates_out", "members", "towers", "tasks")

Vectors = NDArray[np.float32]
Row = dict[str, Any]


def texts_of(folder: Path, count: int) -> list[str]:
    """Plots and abstracts, every so many of them, in an order of no meaning."""
    abstracts = json.loads((folder / "dbpedia_abstracts.json").read_text(encoding="utf8")).values()
    lines = (folder / "movies_extrainfos.dat").read_text(encoding="latin1").splitlines()
    plots = [parts[9] for line in lines if len(parts := re.split("::", line)) > 9]
    texts = sorted({text for text in [*abstracts, *plots] if len(text) > 40})
    return [texts[place] for place in np.random.default_rng(0).permutation(len(texts))[:count]]


def computed(model: LanguageModel, texts: list[str]) -> Vectors:
    """Vectors with nothing kept before or afterwards."""
    found = np.zeros((len(texts), model.width), dtype=np.float32)
    for places, vectors in model._compute(texts):
        found[places] = vectors
    return found


def likeness(vectors: Any) -> Any:
    """Cosines of all pairs, `[n, n]`, of dense vectors after taking away their mean."""
    if isinstance(vectors, np.ndarray):
        vectors = vectors - vectors.mean(axis=0)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors @ vectors.T
    lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)))
    return (vectors @ vectors.T).toarray() / np.maximum(lengths * lengths.T, 1e-12)


def kept_of(vectors: Any, wanted: Vectors) -> Row:
    """How much of the full encoder's geometry is kept."""
    own, full = likeness(vectors), likeness(wanted)
    pairs = np.triu_indices(len(own), 1)
    rho = np.corrcoef(rankdata(own[pairs]), rankdata(full[pairs]))[0, 1]
    for each in (own, full):
        np.fill_diagonal(each, -np.inf)
    nearest = [np.argsort(-each, axis=1, kind="stable")[:, :NEIGHBOURS] for each in (own, full)]
    same = [len(np.intersect1d(one, other)) / NEIGHBOURS for one, other in zip(*nearest, strict=True)]
    cosine = round(float((vectors * wanted).sum(axis=1).mean()), 4) if isinstance(vectors, np.ndarray) else None
    return {"cosine": cosine, "spearman": round(float(rho), 3), "overlap@10": round(float(np.mean(same)), 3)}


def encoder_rows(name: str, texts: list[str], tokens: int) -> dict[str, Row]:
    """Every engine on the texts held out."""
    learnt, held = [text for place, text in enumerate(texts) if place % HELD], texts[::HELD]
    with tempfile.TemporaryDirectory() as folder:
        full, usual = LanguageModel(name, precision="float32"), LanguageModel(name)
        full.cache = usual.cache = Path(folder)
        light = Int8LanguageModel(name)
        table = StaticEncoder(usual, 256, tokens).fit(learnt)
        alone = StaticEncoder(usual, 256, tokens).fit([])
        engines: dict[str, Callable[[], Vectors]] = {
            "torch float32": lambda: computed(full, held), "torch bfloat16": lambda: computed(usual, held),
            "onnx_int8": lambda: computed(light, held), "static": lambda: table.encode(held),
            "static, tokens alone": lambda: alone.encode(held),
        }  # fmt: skip
        weights = sum(path.stat().st_size for path in Path(full.source).glob("model*.safetensors"))
        graph = light._parts[1]._session.size
        held_in = sum(array.nbytes for array in table.state().values())
        sizes = {"onnx_int8": graph, "static": held_in, "static, tokens alone": held_in}
        rows, wanted = {}, None
        for engine, read in engines.items():
            read() if engine.startswith("static") else None
            began = time.process_time()
            vectors = read()
            spent = time.process_time() - began
            wanted = vectors if wanted is None else wanted
            rows[engine] = {"bytes": sizes.get(engine, weights), "texts_per_second": round(len(held) / spent, 1)} | kept_of(vectors, wanted)
        rows["bag of tokens (baseline)"] = {"bytes": None, "texts_per_second": None} | kept_of(table._means(held), wanted)
    return rows


def fitted(data: Path, quick: bool) -> tuple[NetworkRecommender, Dataset]:
    """The network with its student, and the test part."""
    text = text_of("movielens-100k").replace("[serving]\n", "[serving]\nrank_by = { next = 1.0, like = 1.0 }\n") + "\n[distillation]\n"
    recipe = Recipe.parse(text + ("moments = 2000\nepochs = 6\n" if quick else ""), data / "ml-100k", "movielens-100k")
    if quick:
        recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": 1, "seconds": 12.0})})
    train, valid, test = Dataset.read(recipe).split()
    model = fit(recipe, train, valid)
    assert isinstance(model, NetworkRecommender)
    return model, test


def bytes_of(model: NetworkRecommender, ranker: Ranker) -> int:
    """What the ranker reads beside users and items."""
    if isinstance(ranker, GraphRanker):
        return len(ranker.graph)
    modules = [ranker] if isinstance(ranker, Student) else [getattr(model.network, name, None) for name in RANKING_PATH]
    values = [value for module in modules if isinstance(module, torch.nn.Module) for value in module.state_dict().values()]
    return sum(value.numel() * value.element_size() for value in values)


@torch.inference_mode()
def milliseconds(model: NetworkRecommender, rankers: dict[str, Ranker], test: Dataset, turns: int) -> dict[str, float]:
    """Of one request with its candidates, the rankers taking turns."""
    queries = Queries.first_of_each_user(test).take(np.arange(1))
    encoding = model.encode(model.batch_of(queries))
    asked = model.judged(np.arange(CANDIDATES)[None], queries.moment)
    spent: dict[str, list[float]] = {name: [] for name in rankers}
    for _ in range(turns):
        for name, ranker in rankers.items():
            began = time.process_time()
            ranker.rank(encoding, *asked)
            spent[name].append(time.process_time() - began)
    return {name: round(1e3 * float(np.median(each)), 3) for name, each in spent.items()}


def ranker_rows(model: NetworkRecommender, test: Dataset, users: int, turns: int) -> dict[str, Row]:
    """Every ranker on the test part of some users."""
    rankers = {name: chosen_ranker(model, name, GRAPHS) for name in RANKERS}  # type: ignore[arg-type]  # they are the setting's names
    spent = milliseconds(model, rankers, test, turns)
    everyone = np.unique(test.log.user[test.rows])
    chosen = everyone[np.linspace(0, len(everyone) - 1, min(users, len(everyone))).astype(int)]
    part = test.part(test.rows[np.isin(test.log.user[test.rows], chosen)])
    label, user = model.network.ranking_tasks["like"].labels(part, "like"), part.log.user[part.rows]
    likes = _shares(test, model)
    said: dict[str, list[NDArray[Any]]] = {name: [] for name in rankers}
    for block in Queries.at_events(part, part.rows).blocks(AT_ONCE):
        encoding, own = model.encode(model.batch_of(block)), part.log.item[part.rows[len(said["torch"]) * AT_ONCE :][: len(block)]]
        for name, model.ranker in rankers.items():
            said[name].append(model.judge(encoding, own[:, None].astype(np.int64), block.moment)["like"][:, 0].numpy())
    scores = {name: np.concatenate(each) for name, each in said.items()} | {"share of likes (baseline)": likes[part.log.item[part.rows]]}
    lists = _lists(model, part, rankers, likes)
    rows = {}
    for name, score in scores.items():
        own = {"auc": BOOTSTRAP.metric(auc, label, score, user), "ndcg@10": BOOTSTRAP.mean(lists[name])}
        own["auc_less_teacher"] = BOOTSTRAP.metric_difference(auc, label, score, scores["torch"], user).metric
        own["ndcg_less_teacher"] = BOOTSTRAP.mean_difference(lists[name], lists["torch"]).metric
        rows[name] = {
            "bytes": bytes_of(model, rankers[name]) if name in rankers else None,
            "ms": spent.get(name),
            **{key: [round(getattr(each, edge), 4) for edge in ("value", "low", "high")] for key, each in own.items()},
        }
    return rows


def _shares(test: Dataset, model: NetworkRecommender) -> NDArray[np.float64]:
    """Each item's share of likes before the test part, drawn towards all items' `[items]`."""
    log = test.log
    before = np.setdiff1d(np.arange(len(log)), test.rows)
    liked = (log.take(["rating"], before)["rating"] >= 4).to_numpy()
    count = np.bincount(log.item[before], minlength=len(model.items))
    return (np.bincount(log.item[before], liked, minlength=len(model.items)) + 10 * liked.mean()) / (count + 10)


def _lists(model: NetworkRecommender, part: Dataset, rankers: dict[str, Ranker], likes: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """NDCG@10 of each user's list `{ranker: [users]}`, retrieval's candidates the same for all."""
    positives = part.part(part.positives)
    queries = Queries.first_of_each_user(positives)
    query, item = np.searchsorted(queries.user, part.log.user[positives.rows]), part.log.item[positives.rows]
    found: dict[str, list[NDArray[np.int64]]] = {name: [] for name in (*rankers, "share of likes (baseline)")}
    for block in queries.blocks(AT_ONCE):
        encoding = model.encode(model.batch_of(block))
        candidates = model._retrieved(encoding, block, CANDIDATES, True, None)
        for name, model.ranker in rankers.items():
            found[name].append(model._ranked(encoding, block, candidates, 10)[0])
        best = np.argsort(-np.where(candidates < 0, -np.inf, likes[candidates]), axis=1, kind="stable")[:, :10]
        found["share of likes (baseline)"].append(np.take_along_axis(candidates, best, axis=1))
    model.ranker = None
    return {name: ndcg(*find_hits(np.concatenate(each), query, item), 10) for name, each in found.items()}


def show(title: str, rows: dict[str, Row]) -> None:
    """A table for people."""
    print(title)
    for name, row in rows.items():
        print(f"  {name:26} " + "  ".join(f"{key} {'-' if value is None else value}" for key, value in row.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="few texts, tokens and users, a network fitted for seconds: quality means little"
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", default="english")
    parser.add_argument("--texts", type=int, default=2500)
    parser.add_argument("--users", type=int, default=943)
    parser.add_argument("--only", choices=("encoder", "ranking"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    result: Row = {"benchmark": "lighter", "model": asked.model}
    if asked.only != "ranking":
        texts = texts_of(asked.data / "ml-1m", 140 if asked.quick else asked.texts)
        result |= {"texts": len(texts), "encoder": encoder_rows(asked.model, texts, 1500 if asked.quick else 32_768)}
        show(f"Encoder '{asked.model}', {len(texts[::HELD])} texts held out", result["encoder"])
    if asked.only != "encoder":
        users = 60 if asked.quick else asked.users
        result["ranking"] = ranker_rows(*fitted(asked.data, asked.quick), users, 40 if asked.quick else 200)
        show(f"Ranking path, MovieLens-100K, {CANDIDATES} candidates", result["ranking"])
    if asked.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
