"""The ranker that a recipe names, for a network that is ready to answer."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from penchant.exported.int8 import in_int8
from penchant.exported.kept import kept_graph
from penchant.models.network import Encoding, Items
from penchant.models.queries import Queries, moment_columns
from penchant.models.rankers.graph_ranker import GraphRanker, graph_of
from penchant.models.rankers.ranker import Ranker
from penchant.schema.errors import BundleError
from penchant.schema.rankers import RankerName

if TYPE_CHECKING:
    from penchant.models.network_recommender import NetworkRecommender

EXAMPLES = 4
"""Candidates of an example."""


def chosen_ranker(recommender: "NetworkRecommender", name: RankerName, folder: Path | None = None) -> Ranker:
    """What judges a recommender's candidates from now on; to be chosen anew when its network changes.

    Args:
        recommender: With its network and its catalogue.
        name: As `serving.ranker` has it.
        folder: Where graphs are kept; in the user's cache folder when None.

    Raises:
        RecipeError: where packages are absent or a part of the network cannot be exported.
        BundleError: where a student is asked for and there is none.
    """
    network = recommender.network
    if name == "torch" or not network.tasks:
        return network
    if name == "distilled":
        if recommender.student is None:
            do = "Add an empty table [distillation] to the recipe and train anew, or choose another ranker."
            raise BundleError("the bundle", must="of a network with a student for the ranker 'distilled'", came="one without", do=do)
        return recommender.student
    asked = example(recommender)
    folder = folder or Path.home() / ".cache" / "penchant" / "graphs"
    told = _told(recommender)

    def full() -> bytes:
        return kept_graph(folder, told, lambda: graph_of(network, *asked))

    graph = full() if name == "onnx" else kept_graph(folder, f"{told}:int8", lambda: in_int8(full()))
    return GraphRanker(network, graph, *asked)


@torch.inference_mode()
def example(recommender: "NetworkRecommender") -> tuple[Encoding, Items, dict[str, Tensor]]:
    """What a ranker is asked: the log's last event and some candidates."""
    log, last = recommender.log_, np.array([len(recommender.log_) - 1])
    queries = Queries(log, log.user[last].astype(np.int64), last, log.take(moment_columns(recommender.recipe), last))
    rows = np.arange(EXAMPLES)[None] % len(recommender.item_vectors)
    return (recommender.encode(recommender.batch_of(queries)), *recommender.judged(rows, queries.moment))


def _told(recommender: "NetworkRecommender") -> str:
    """Everything that decides the ranking path's graph: its parts, and every weight."""
    told = sha256(recommender.recipe.model_dump_json(include={"network", "tasks", "features", "scenario", "history"}).encode())
    for name, value in recommender.network.state_dict().items():
        told.update(f"{name}:{tuple(value.shape)}".encode())
        told.update(value.detach().cpu().contiguous().numpy().tobytes())
    return told.hexdigest()
